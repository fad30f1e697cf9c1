// The list of identities, which document 004 uses and does not show.
$.getJSON('/user').then(function(identities) {
  identities.forEach(function(identity) {
    var item = $('<li>').text(identity.provider + '|' + identity.user_id).appendTo('#identities');
    $('<button>').text('Unlink').appendTo(item).on('click', function() {
      $.post('/user/unlink-accounts/' + identity.provider + '|' + identity.user_id).then(function() {
        location.assign(location.pathname);
      });
    });
  });
});
