/* The page that the sign-in window comes back to: hands the answer to the page that opened it. */
new BroadcastChannel('telecura sign-in').postMessage(location.hash.slice(1));
history.replaceState(null, '', location.pathname);
window.close();
