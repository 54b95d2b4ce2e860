// Sends the one form of this page, which its reader could send as well.
document.forms[0].submit();
