function linkAccount(target_jwt){
  // At this point you could fetch user_metadata for merging with the root account
  // otherwise it will be lost after linking the accounts
  var user_id = localStorage.getItem('user_id');
  var id_token = localStorage.getItem('id_token');
  $.ajax({
    type: 'POST',
    url: 'https://' + AUTH0_DOMAIN +'/api/v2/users/' + user_id + '/identities',
    data: {
      link_with: target_jwt
    },
    headers: {
      'Authorization': 'Bearer ' + id_token
    }
  }).then(function(identities){
    alert('linked!');
    showLinkedAccounts(identities);
  }).fail(function(jqXHR){
    alert('Error linking Accounts: ' + jqXHR.status + " " + jqXHR.responseText);
  });
}

function unlinkAccount(provider,userId){
  var user_id = localStorage.getItem('user_id');
  var id_token = localStorage.getItem('id_token');
  $.ajax({
    type: 'DELETE',
    url: 'https://' + AUTH0_DOMAIN +'/api/v2/users/' + user_id + '/identities/' + provider + '/' + userId,
    headers: {
      'Authorization': 'Bearer ' + id_token
    }
  }).then(function(identities){
    alert('unlinked!');
    showLinkedAccounts(identities);
  }).fail(function(jqXHR){
    alert('Error unlinking Accounts: ' + jqXHR.status + " " + jqXHR.responseText);
  });
}
