// The parts of the application that document 003 uses and does not show.
var login_div = document.getElementById('login');
var logged_div = document.getElementById('logged');

document.getElementById('btn-login').addEventListener('click', function() {
  lock.show();
});

var fetchProfile = function() {
  lock.getProfile(localStorage.getItem('id_token'), function(err, profile) {
    if (err) return alert('There was an error getting the profile: ' + err.message);
    localStorage.setItem('profile', JSON.stringify(profile));
    showUserIdentities(profile);
  });
};

var bind_unlink_buttons = function() {
  document.querySelectorAll('.unlink-account').forEach(function(button) {
    button.addEventListener('click', function() {
      unlinkAccount(JSON.parse(button.getAttribute('data-identity')));
    });
  });
};
