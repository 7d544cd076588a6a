BEGIN TRANSACTION;
CREATE TABLE blob (
	digest VARCHAR NOT NULL, 
	media_type VARCHAR NOT NULL, 
	size INTEGER NOT NULL, 
	content BLOB, 
	salt BLOB, 
	subject VARCHAR, 
	created_at VARCHAR NOT NULL, 
	erased_at VARCHAR, 
	CONSTRAINT pk_blob PRIMARY KEY (digest)
);
INSERT INTO "blob" VALUES('sha256:66628b964be6774e989d9d3ff2b4ae3cbf00633bc57897deb509f7cdc4fa16b2','application/vnd.promptship.closure+json',243,X'7B22636C6F73757265223A312C22696E707574223A7B226164646974696F6E616C50726F70657274696573223A66616C73652C2270726F70657274696573223A7B226D61696C223A7B2274797065223A22737472696E67227D7D2C227265717569726564223A5B226D61696C225D2C2274797065223A226F626A656374227D2C226D6F64656C223A7B226D6F64656C223A2266616B652F6563686F227D2C227061727469616C73223A7B225F746F6E652E6A32223A224265206B696E642E227D2C2274656D706C617465223A227B2520696E636C75646520275F746F6E652E6A322720257D5C6E7B7B206D61696C207D7D227D',NULL,NULL,'2026-11-23T12:00:01.000000Z',NULL);
INSERT INTO "blob" VALUES('sha256:0aed0bca9a2307c56aeb6be82f4852c9954e6c8de811ac4f61c9d84c0b456e24','application/vnd.promptship.closure+json',190,X'7B22636C6F73757265223A312C22696E707574223A7B226164646974696F6E616C50726F70657274696573223A66616C73652C2270726F70657274696573223A7B226D61696C223A7B2274797065223A22737472696E67227D7D2C227265717569726564223A5B226D61696C225D2C2274797065223A226F626A656374227D2C226D6F64656C223A7B226D6F64656C223A2266616B652F6563686F227D2C2274656D706C617465223A22416E737765723A207B7B206D61696C207D7D227D',NULL,NULL,'2026-11-23T12:00:02.000000Z',NULL);
CREATE TABLE edge (
	version_id INTEGER NOT NULL, 
	partial VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	CONSTRAINT pk_edge PRIMARY KEY (version_id, partial), 
	CONSTRAINT fk_edge_version_id FOREIGN KEY(version_id) REFERENCES version (id)
);
INSERT INTO "edge" VALUES(1,'_tone.j2','sha256:5499befb38dbf3fcc08107141cb2a9e7f42a6aae403361dc3601b8296d7967ea');
CREATE TABLE evalset_version (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	cases INTEGER NOT NULL, 
	document VARCHAR NOT NULL, 
	created_at VARCHAR NOT NULL, 
	event_seq INTEGER NOT NULL, 
	CONSTRAINT pk_evalset_version PRIMARY KEY (id), 
	CONSTRAINT fk_evalset_version_document FOREIGN KEY(document) REFERENCES blob (digest), 
	CONSTRAINT fk_evalset_version_event_seq FOREIGN KEY(event_seq) REFERENCES ledger_event (seq), 
	CONSTRAINT uq_evalset_version_name_digest UNIQUE (name, digest)
);
CREATE TABLE label (
	prompt_id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	version_id INTEGER NOT NULL, 
	moved_at VARCHAR NOT NULL, 
	event_seq INTEGER NOT NULL, 
	CONSTRAINT pk_label PRIMARY KEY (prompt_id, name), 
	CONSTRAINT fk_label_prompt_id FOREIGN KEY(prompt_id) REFERENCES prompt (id), 
	CONSTRAINT fk_label_version_id FOREIGN KEY(version_id) REFERENCES version (id), 
	CONSTRAINT fk_label_event_seq FOREIGN KEY(event_seq) REFERENCES ledger_event (seq)
);
INSERT INTO "label" VALUES(1,'production',1,'2026-11-23T12:00:05.000000Z',5);
CREATE TABLE ledger_event (
	seq INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	prompt VARCHAR, 
	label VARCHAR, 
	evidence VARCHAR, 
	at VARCHAR NOT NULL, 
	payload TEXT NOT NULL, 
	prev_hash VARCHAR NOT NULL, 
	hash VARCHAR NOT NULL, 
	CONSTRAINT pk_ledger_event PRIMARY KEY (seq), 
	CONSTRAINT uq_ledger_event_hash UNIQUE (hash)
);
INSERT INTO "ledger_event" VALUES(1,'push','support/reply',NULL,NULL,'2026-11-23T12:00:01.000000Z','{"actor":{"authenticated":false,"kind":"human","name":"Ada <ada@example.org>"},"at":"2026-11-23T12:00:01.000000Z","digest":"sha256:66628b964be6774e989d9d3ff2b4ae3cbf00633bc57897deb509f7cdc4fa16b2","kind":"push","ledger":1,"message":"First","model":"default","number":1,"prev":"sha256:0000000000000000000000000000000000000000000000000000000000000000","prompt":"support/reply","semver":"1.0.0","seq":1,"tags":["mail"]}','sha256:0000000000000000000000000000000000000000000000000000000000000000','sha256:fe3d15aa23418809c7712c2f7d466de4ffc336613e6b313b94c5971b8a5aacfb');
INSERT INTO "ledger_event" VALUES(2,'push','support/reply',NULL,NULL,'2026-11-23T12:00:02.000000Z','{"actor":{"authenticated":false,"kind":"human","name":"Ada <ada@example.org>"},"at":"2026-11-23T12:00:02.000000Z","digest":"sha256:0aed0bca9a2307c56aeb6be82f4852c9954e6c8de811ac4f61c9d84c0b456e24","kind":"push","ledger":1,"message":"Second","model":"default","number":2,"prev":"sha256:fe3d15aa23418809c7712c2f7d466de4ffc336613e6b313b94c5971b8a5aacfb","prompt":"support/reply","semver":"1.0.1","seq":2}','sha256:fe3d15aa23418809c7712c2f7d466de4ffc336613e6b313b94c5971b8a5aacfb','sha256:8a2371e9927b60967619215ec843dfcb42d29200e63485e89b99c5fb533528b6');
INSERT INTO "ledger_event" VALUES(3,'label','support/reply','production',NULL,'2026-11-23T12:00:03.000000Z','{"actor":{"authenticated":false,"kind":"human","name":"Ada <ada@example.org>"},"at":"2026-11-23T12:00:03.000000Z","digest":"sha256:66628b964be6774e989d9d3ff2b4ae3cbf00633bc57897deb509f7cdc4fa16b2","kind":"label","label":"production","ledger":1,"number":1,"prev":"sha256:8a2371e9927b60967619215ec843dfcb42d29200e63485e89b99c5fb533528b6","prompt":"support/reply","seq":3}','sha256:8a2371e9927b60967619215ec843dfcb42d29200e63485e89b99c5fb533528b6','sha256:6888ba13ed9cd01e9a92af33ca218e92240f9fb8015b86705844b7a6daf4566f');
INSERT INTO "ledger_event" VALUES(4,'label','support/reply','production',NULL,'2026-11-23T12:00:04.000000Z','{"actor":{"authenticated":false,"kind":"human","name":"Ada <ada@example.org>"},"at":"2026-11-23T12:00:04.000000Z","digest":"sha256:0aed0bca9a2307c56aeb6be82f4852c9954e6c8de811ac4f61c9d84c0b456e24","from":{"digest":"sha256:66628b964be6774e989d9d3ff2b4ae3cbf00633bc57897deb509f7cdc4fa16b2","number":1},"kind":"label","label":"production","ledger":1,"number":2,"prev":"sha256:6888ba13ed9cd01e9a92af33ca218e92240f9fb8015b86705844b7a6daf4566f","prompt":"support/reply","reason":"Shorter","seq":4}','sha256:6888ba13ed9cd01e9a92af33ca218e92240f9fb8015b86705844b7a6daf4566f','sha256:fc403a2f16c30cff137b12026761b13a122ff111ff99a1d834f90c5edeed87df');
INSERT INTO "ledger_event" VALUES(5,'rollback','support/reply','production',NULL,'2026-11-23T12:00:05.000000Z','{"actor":{"authenticated":false,"kind":"human","name":"Ada <ada@example.org>"},"at":"2026-11-23T12:00:05.000000Z","digest":"sha256:66628b964be6774e989d9d3ff2b4ae3cbf00633bc57897deb509f7cdc4fa16b2","from":{"digest":"sha256:0aed0bca9a2307c56aeb6be82f4852c9954e6c8de811ac4f61c9d84c0b456e24","number":2},"kind":"rollback","label":"production","ledger":1,"number":1,"prev":"sha256:fc403a2f16c30cff137b12026761b13a122ff111ff99a1d834f90c5edeed87df","prompt":"support/reply","reason":"Complaints","seq":5}','sha256:fc403a2f16c30cff137b12026761b13a122ff111ff99a1d834f90c5edeed87df','sha256:cbf9dbe75c8e370ae99afc4328c46745508409f7fd42c089fa3968f66865d35a');
CREATE TABLE ledger_head (
	id INTEGER NOT NULL, 
	seq INTEGER NOT NULL, 
	hash VARCHAR NOT NULL, 
	at VARCHAR NOT NULL, 
	CONSTRAINT pk_ledger_head PRIMARY KEY (id)
);
INSERT INTO "ledger_head" VALUES(1,5,'sha256:cbf9dbe75c8e370ae99afc4328c46745508409f7fd42c089fa3968f66865d35a','2026-11-23T12:00:05.000000Z');
CREATE TABLE prompt (
	id INTEGER NOT NULL, 
	name VARCHAR NOT NULL, 
	next_number INTEGER NOT NULL, 
	created_at VARCHAR NOT NULL, 
	CONSTRAINT pk_prompt PRIMARY KEY (id), 
	CONSTRAINT uq_prompt_name UNIQUE (name)
);
INSERT INTO "prompt" VALUES(1,'support/reply',3,'2026-11-23T12:00:01.000000Z');
CREATE TABLE promptship_schema (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT promptship_schema_pkc PRIMARY KEY (version_num)
);
INSERT INTO "promptship_schema" VALUES('0001');
CREATE TABLE run (
	run_id VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	evalset VARCHAR NOT NULL, 
	evalset_digest VARCHAR NOT NULL, 
	scoring_digest VARCHAR NOT NULL, 
	complete BOOLEAN NOT NULL, 
	outcome VARCHAR, 
	finished_at VARCHAR NOT NULL, 
	created_at VARCHAR NOT NULL, 
	event_seq INTEGER NOT NULL, 
	CONSTRAINT pk_run PRIMARY KEY (run_id), 
	CONSTRAINT fk_run_digest FOREIGN KEY(digest) REFERENCES blob (digest), 
	CONSTRAINT fk_run_event_seq FOREIGN KEY(event_seq) REFERENCES ledger_event (seq)
);
CREATE TABLE run_variant (
	run_id VARCHAR NOT NULL, 
	position INTEGER NOT NULL, 
	label VARCHAR NOT NULL, 
	prompt VARCHAR NOT NULL, 
	digest VARCHAR NOT NULL, 
	CONSTRAINT pk_run_variant PRIMARY KEY (run_id, position), 
	CONSTRAINT fk_run_variant_run_id FOREIGN KEY(run_id) REFERENCES run (run_id)
);
CREATE TABLE tombstone (
	version_id INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	actor VARCHAR NOT NULL, 
	at VARCHAR NOT NULL, 
	event_seq INTEGER NOT NULL, 
	CONSTRAINT pk_tombstone PRIMARY KEY (version_id), 
	CONSTRAINT fk_tombstone_version_id FOREIGN KEY(version_id) REFERENCES version (id), 
	CONSTRAINT fk_tombstone_event_seq FOREIGN KEY(event_seq) REFERENCES ledger_event (seq)
);
CREATE TABLE version (
	id INTEGER NOT NULL, 
	prompt_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	digest VARCHAR NOT NULL, 
	major INTEGER NOT NULL, 
	minor INTEGER NOT NULL, 
	patch INTEGER NOT NULL, 
	model_name VARCHAR NOT NULL, 
	description TEXT NOT NULL, 
	message TEXT NOT NULL, 
	author VARCHAR NOT NULL, 
	author_kind VARCHAR NOT NULL, 
	git_commit VARCHAR, 
	forked_from VARCHAR, 
	search_text TEXT NOT NULL, 
	created_at VARCHAR NOT NULL, 
	event_seq INTEGER NOT NULL, 
	CONSTRAINT pk_version PRIMARY KEY (id), 
	CONSTRAINT fk_version_prompt_id FOREIGN KEY(prompt_id) REFERENCES prompt (id), 
	CONSTRAINT fk_version_digest FOREIGN KEY(digest) REFERENCES blob (digest), 
	CONSTRAINT fk_version_event_seq FOREIGN KEY(event_seq) REFERENCES ledger_event (seq), 
	CONSTRAINT uq_version_prompt_id_number UNIQUE (prompt_id, number), 
	CONSTRAINT uq_version_prompt_id_digest UNIQUE (prompt_id, digest)
);
INSERT INTO "version" VALUES(1,1,1,'sha256:66628b964be6774e989d9d3ff2b4ae3cbf00633bc57897deb509f7cdc4fa16b2',1,0,0,'default','','First','Ada <ada@example.org>','human',NULL,NULL,'support/reply

first
fake/echo
ada <ada@example.org>
mail
{% include ''_tone.j2'' %}
{{ mail }}
_tone.j2
be kind.','2026-11-23T12:00:01.000000Z',1);
INSERT INTO "version" VALUES(2,1,2,'sha256:0aed0bca9a2307c56aeb6be82f4852c9954e6c8de811ac4f61c9d84c0b456e24',1,0,1,'default','','Second','Ada <ada@example.org>','human',NULL,NULL,'support/reply

second
fake/echo
ada <ada@example.org>
answer: {{ mail }}','2026-11-23T12:00:02.000000Z',2);
CREATE TABLE version_tag (
	version_id INTEGER NOT NULL, 
	tag VARCHAR NOT NULL, 
	event_seq INTEGER NOT NULL, 
	CONSTRAINT pk_version_tag PRIMARY KEY (version_id, tag), 
	CONSTRAINT fk_version_tag_version_id FOREIGN KEY(version_id) REFERENCES version (id), 
	CONSTRAINT fk_version_tag_event_seq FOREIGN KEY(event_seq) REFERENCES ledger_event (seq)
);
INSERT INTO "version_tag" VALUES(1,'mail',1);
CREATE INDEX ix_blob_created_at ON blob (created_at);
CREATE INDEX ix_blob_subject ON blob (subject);
CREATE INDEX ix_ledger_event_prompt_seq ON ledger_event (prompt, seq);
CREATE INDEX ix_version_digest ON version (digest);
CREATE INDEX ix_edge_digest ON edge (digest);
CREATE INDEX ix_version_tag_tag ON version_tag (tag);
CREATE INDEX ix_evalset_version_digest ON evalset_version (digest);
CREATE INDEX ix_run_digest ON run (digest);
CREATE INDEX ix_run_evalset_digest ON run (evalset_digest);
CREATE INDEX ix_run_variant_digest ON run_variant (digest);
CREATE TRIGGER version_no_update BEFORE UPDATE ON version BEGIN SELECT RAISE(ABORT, 'version is append-only'); END;
CREATE TRIGGER version_no_delete BEFORE DELETE ON version BEGIN SELECT RAISE(ABORT, 'version is append-only'); END;
CREATE TRIGGER edge_no_update BEFORE UPDATE ON edge BEGIN SELECT RAISE(ABORT, 'edge is append-only'); END;
CREATE TRIGGER edge_no_delete BEFORE DELETE ON edge BEGIN SELECT RAISE(ABORT, 'edge is append-only'); END;
CREATE TRIGGER ledger_event_no_update BEFORE UPDATE ON ledger_event BEGIN SELECT RAISE(ABORT, 'ledger_event is append-only'); END;
CREATE TRIGGER ledger_event_no_delete BEFORE DELETE ON ledger_event BEGIN SELECT RAISE(ABORT, 'ledger_event is append-only'); END;
CREATE TRIGGER evalset_version_no_update BEFORE UPDATE ON evalset_version BEGIN SELECT RAISE(ABORT, 'evalset_version is append-only'); END;
CREATE TRIGGER evalset_version_no_delete BEFORE DELETE ON evalset_version BEGIN SELECT RAISE(ABORT, 'evalset_version is append-only'); END;
CREATE TRIGGER run_no_update BEFORE UPDATE ON run BEGIN SELECT RAISE(ABORT, 'run is append-only'); END;
CREATE TRIGGER run_no_delete BEFORE DELETE ON run BEGIN SELECT RAISE(ABORT, 'run is append-only'); END;
CREATE TRIGGER run_variant_no_update BEFORE UPDATE ON run_variant BEGIN SELECT RAISE(ABORT, 'run_variant is append-only'); END;
CREATE TRIGGER run_variant_no_delete BEFORE DELETE ON run_variant BEGIN SELECT RAISE(ABORT, 'run_variant is append-only'); END;
CREATE TRIGGER version_no_replace BEFORE INSERT ON version WHEN EXISTS (SELECT 1 FROM version WHERE id = NEW.id OR (prompt_id = NEW.prompt_id AND (number = NEW.number OR digest = NEW.digest))) BEGIN SELECT RAISE(ABORT, 'a version is never replaced'); END;
CREATE TRIGGER ledger_event_in_line BEFORE INSERT ON ledger_event WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM ledger_event) OR (NEW.seq > 1 AND NEW.prev_hash <> (SELECT hash FROM ledger_event WHERE seq = NEW.seq - 1)) BEGIN SELECT RAISE(ABORT, 'an event follows the last one'); END;
CREATE TRIGGER blob_no_delete BEFORE DELETE ON blob BEGIN SELECT RAISE(ABORT, 'blob is append-only'); END;
CREATE TRIGGER blob_only_erase BEFORE UPDATE ON blob WHEN NOT (NEW.digest = OLD.digest AND NEW.size = OLD.size AND NEW.media_type = OLD.media_type AND OLD.salt IS NOT NULL AND NEW.content IS NULL AND NEW.salt IS NULL AND NEW.erased_at IS NOT NULL) BEGIN SELECT RAISE(ABORT, 'of a blob only a payload may be erased'); END;
CREATE TRIGGER blob_no_replace BEFORE INSERT ON blob WHEN EXISTS (SELECT 1 FROM blob WHERE digest = NEW.digest) BEGIN SELECT RAISE(ABORT, 'a blob is never replaced'); END;
COMMIT;
