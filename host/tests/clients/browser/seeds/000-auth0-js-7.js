// "Auth0.js and a custom UI": document 000 names it and shows no code. This is auth0-js 7.
var auth0 = new Auth0({
  domain: '${account.namespace}',
  clientID: '${account.clientId}',
  callbackURL: location.origin + location.pathname,
  responseType: 'token'
});

$('#login').on('submit', function(event) {
  event.preventDefault();
  auth0.login({
    connection: 'Username-Password-Authentication',
    email: this.email.value,
    password: this.password.value,
    scope: 'openid'
  });
});

$(document).ready(function() {
  var hash = auth0.parseHash(window.location.hash);
  if (!hash) return;
  if (hash.error) return alert('There was an error logging in ' + hash.error);
  if (isUserLoggedIn) return linkAccount(hash.idToken);
  auth0.getProfile(hash.idToken, function(err, profile) {
    if (err) return alert('There was an error logging in. ' + err);
    localStorage.setItem('id_token', hash.idToken);
    localStorage.setItem('user_id', profile.user_id);
    showLoggedInUser(profile);
  });
});
