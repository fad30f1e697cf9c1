const ensureLoggedIn = require('connect-ensure-login').ensureLoggedIn();
const Auth0Client = require('../Auth0Client');
const express = require('express');
const router = express.Router();

router.post('/link-accounts/:targetUserId',ensureLoggedIn, (req,res,next) => {
  // At this point you could get the target user's profile and apply any desired verification prior to linking
  // or save target user's profile data for merging with session user's data after successfully linking
  Auth0Client.linkAccounts(req.user.id,req.params.targetUserId)
  .then( identities => {
    req.user.identities = req.user._json.identities = identities;
    res.send(identities);
  })
  .catch( err => {
    console.log('Error linking accounts!',err);
    next(err);
  });
});

module.exports = router;
