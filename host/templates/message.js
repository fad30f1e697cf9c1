// Sends the response of a login to the application's page that opened this one, and to no other.
'use strict';
(() => {
  const { message, target } = document.currentScript.dataset;
  (window.opener || window.parent).postMessage(JSON.parse(message), target);
})();
