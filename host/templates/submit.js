// Submits the form of this page. Its button does the same without this script.
'use strict';
document.forms[0].submit();
