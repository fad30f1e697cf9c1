// "Auth0.js and a custom UI": document 000 names it and shows no code. This is auth0-js 8.
var webAuth = new auth0.WebAuth({
  domain: '${account.namespace}',
  clientID: '${account.clientId}',
  redirectUri: location.origin + location.pathname,
  responseType: 'token id_token',
  scope: 'openid'
});

$('#login').on('submit', function(event) {
  event.preventDefault();
  webAuth.redirect.loginWithCredentials({
    connection: 'Username-Password-Authentication',
    username: this.email.value,
    password: this.password.value
  }, function(err) {
    alert('There was an error logging in. ' + err.code);
  });
});

$(document).ready(function() {
  webAuth.parseHash(function(err, hash) {
    if (err) return alert('There was an error logging in ' + err.error);
    if (!hash) return;
    if (isUserLoggedIn) return linkAccount(hash.idToken);
    webAuth.client.userInfo(hash.accessToken, function(err, profile) {
      if (err) return alert('There was an error logging in. ' + err);
      localStorage.setItem('id_token', hash.idToken);
      localStorage.setItem('user_id', hash.idTokenPayload.sub);
      showLoggedInUser(profile);
    });
  });
});
