// The parts of the application that document 002 uses and does not show.
var isUserLoggedIn = localStorage.getItem('id_token') !== null;

function showLinkedAccounts(identities) {
  $('#identities').empty();
  identities.forEach(function(identity) {
    $('<li>').text(identity.provider + '|' + identity.user_id).appendTo('#identities');
  });
}

function handleFirstLogin(authResult) {
  localStorage.setItem('id_token', authResult.idToken);
  localStorage.setItem('user_id', authResult.idTokenPayload.sub);
  isUserLoggedIn = true;
  showLinkedAccounts([{ provider: 'logged in as', user_id: authResult.idTokenPayload.sub }]);
}

$(document).ready(function() {
  $('#login').on('click', function() { lock.show(); });
});
