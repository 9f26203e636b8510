-- The first wording of each consent, in the languages of the portal.

INSERT INTO consent_document (org, scope, version, language, text) VALUES
('00000000-0000-0000-0000-000000000000', 'telehealth', 1, 'en',
'I agree to be seen by video, sound and text message. I know that a remote visit has limits: the clinician cannot examine me by hand, the connection can fail, and I may be asked to come in person or to call the emergency number. I know who can read what is said: the people who treat me. I can withdraw this at any time; from then on no further remote visit takes place, and what was recorded in my chart until then stays in it.'),
('00000000-0000-0000-0000-000000000000', 'telehealth', 1, 'de',
'Ich bin mit einer Behandlung per Video, Ton und Textnachricht einverstanden. Ich weiß, dass ein Fernbesuch Grenzen hat: Ich kann nicht körperlich untersucht werden, die Verbindung kann ausfallen, und man kann mich bitten, in die Praxis zu kommen oder den Notruf zu wählen. Ich weiß, wer lesen kann, was gesagt wird: die Menschen, die mich behandeln. Ich kann diese Einwilligung jederzeit widerrufen; ab dann findet kein Fernbesuch mehr statt, und was bis dahin in meiner Akte steht, bleibt darin.'),
('00000000-0000-0000-0000-000000000000', 'recording', 1, 'en',
'I agree that a visit is recorded in picture and sound when I am told so at its beginning. The recording is kept encrypted with my chart. I can withdraw this at any time; a running recording then ends.'),
('00000000-0000-0000-0000-000000000000', 'recording', 1, 'de',
'Ich bin einverstanden, dass ein Besuch in Bild und Ton aufgezeichnet wird, wenn man es mir zu Beginn sagt. Die Aufzeichnung liegt verschlüsselt bei meiner Akte. Ich kann dies jederzeit widerrufen; eine laufende Aufzeichnung endet dann.'),
('00000000-0000-0000-0000-000000000000', 'data_sharing', 1, 'en',
'I agree that my chart is shown to other practices and hospitals that treat me. I can withdraw this at any time; what was shown until then cannot be called back.'),
('00000000-0000-0000-0000-000000000000', 'data_sharing', 1, 'de',
'Ich bin einverstanden, dass meine Akte anderen Praxen und Krankenhäusern gezeigt wird, die mich behandeln. Ich kann dies jederzeit widerrufen; was bis dahin gezeigt wurde, lässt sich nicht zurückholen.'),
('00000000-0000-0000-0000-000000000000', 'research', 1, 'en',
'I agree that my data are used for medical research without my name. I can withdraw this at any time; my data are then left out of every later study.'),
('00000000-0000-0000-0000-000000000000', 'research', 1, 'de',
'Ich bin einverstanden, dass meine Daten ohne meinen Namen für medizinische Forschung verwendet werden. Ich kann dies jederzeit widerrufen; meine Daten bleiben dann aus jeder späteren Studie heraus.');
