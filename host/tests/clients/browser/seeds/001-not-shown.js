// The parts of the application that document 001 uses and does not show: the first Lock,
// whose access token may link (audience and scope), and the list of identities.
var AUTH0_CLIENT_ID = '${account.clientId}';
var AUTH0_DOMAIN = '${account.namespace}';

var lock = new Auth0Lock(AUTH0_CLIENT_ID, AUTH0_DOMAIN, {
  auth: {
    responseType: 'token id_token',
    audience: 'https://' + AUTH0_DOMAIN + '/api/v2/',
    params: { scope: 'openid profile email read:current_user update:current_user_identities' }
  }
});
lock.on('authenticated', function(authResult) { lockAuthenticated(authResult); });

function showLinkedAccounts(identities) {
  $('#identities').empty();
  identities.forEach(function(identity) {
    var item = $('<li>').text(identity.provider + '|' + identity.user_id).appendTo('#identities');
    $('<button>').text('Unlink').appendTo(item).on('click', function() {
      unlinkAccount(identity.provider, identity.user_id);
    });
  });
}

function reloadProfile() {
  $.ajax({
    url: 'https://' + AUTH0_DOMAIN + '/api/v2/users/' + localStorage.getItem('user_id'),
    headers: { 'Authorization': 'Bearer ' + localStorage.getItem('access_token') }
  }).then(function(user) {
    showLinkedAccounts(user.identities);
  });
}

$('#login').on('click', function() { lock.show(); });
$('#link').on('click', function() { linkPasswordAccount(); });
$('#link-google').on('click', function() { linkPasswordAccount('google-oauth2'); });
