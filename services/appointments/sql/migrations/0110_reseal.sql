-- A note is never changed; which key it is sealed under may be.
GRANT UPDATE (sealed) ON note TO "@service@";
