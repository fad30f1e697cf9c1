// The parts of the application that document 000 uses and does not show.
var AUTH0_DOMAIN = '${account.namespace}';
var isUserLoggedIn = localStorage.getItem('id_token') !== null;

function showLoggedInUser(profile) {
  $('#user').text(profile.user_id);
}

function showLinkedAccounts(identities) {
  $('#identities').empty();
  identities.forEach(function(identity) {
    var item = $('<li>').text(identity.provider + '|' + identity.user_id).appendTo('#identities');
    $('<button>').text('Unlink').appendTo(item).on('click', function() {
      unlinkAccount(identity.provider, identity.user_id);
    });
  });
}
