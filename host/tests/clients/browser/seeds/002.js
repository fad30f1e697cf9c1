function linkAccount(secondaryJWT){
  // At this point you can fetch the secondary user_metadata for merging
  // with the primary account. Otherwise it will be lost after linking the accounts
  var primaryJWT = localStorage.getItem('id_token');
  var primaryUserId = localStorage.getItem('user_id');
  $.ajax({
    type: 'POST',
    url: 'https://' + '${account.namespace}' + '/api/v2/users/' + primaryUserId + '/identities',
    data: {
      link_with: secondaryJWT
    },
    headers: {
      'Authorization': 'Bearer ' + primaryJWT
    }
  }).then(function(identities){
    alert('linked!');
    showLinkedAccounts(identities);
  }).fail(function(jqXHR){
    alert('Error linking Accounts: ' + jqXHR.status + " " + jqXHR.responseText);
  });
}

var lock = new Auth0Lock('${account.clientId}', '${account.namespace}');

function linkPasswordAccount(connection){
  var opts = {
    rememberLastLogin: false,
    languageDictionary: {
      title: 'Link with another account'
    },
    auth: {
      responseType: 'token id_token'
    }
  };

  if (connection) {
    opts.connections = [connection];
  }

  // open lock in signin mode with the customized options for linking
  lock = new Auth0Lock('${account.clientId}', '${account.namespace}', opts);
  lock.show();
}

function lockAuthenticated(authResult)
{
    if (isUserLoggedIn) {
      linkAccount(authResult.idToken, authResult.idTokenPayload.sub);
    } else {
      // handle authentication for the first login
      handleFirstLogin(authResult);
    }
}

$(document).ready(function() {
  lock.on("authenticated", lockAuthenticated);
});

function linkPasswordlessSMS(){

  // Initialize Passwordless Lock instance
  var lock = new Auth0LockPasswordless('${account.clientId}', '${account.namespace}',
  {
    autoclose: true,
    allowedConnections: ["sms"],
    languageDictionary: {
      passwordlessSMSInstructions: "Enter your phone to sign in <br>or create an account to link to."
    }
  });

  lock.on("authenticated", function(authResult) {
    linkAccount(authResult.idToken);
  });

  lock.show();
}
