-- Who was whom, and who had agreed to what, is ended by its dates and states, never taken away.

REVOKE DELETE ON member, relation, consent FROM "@service@";
