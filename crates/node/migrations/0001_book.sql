-- Agreements that this node knows: canonical JSON by digest. They never change.
CREATE TABLE agreements (
    digest TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    body TEXT NOT NULL,
    received_ms BIGINT NOT NULL
);

-- Statements about them. Of each kind the one that counts stands for a signer: rank says which.
CREATE TABLE acts (
    agreement TEXT NOT NULL,
    kind TEXT NOT NULL,
    signer TEXT NOT NULL,
    identity TEXT NOT NULL,
    rank BIGINT NOT NULL,
    body TEXT NOT NULL,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (agreement, kind, signer, identity)
);

-- One row for each agreement under which something was admitted. Every admission writes it first.
CREATE TABLE counters (
    agreement TEXT PRIMARY KEY,
    runs BIGINT NOT NULL,
    day TEXT NOT NULL,
    today BIGINT NOT NULL,
    last_s BIGINT NOT NULL
);

-- Jobs that were admitted. The outcome is empty as long as a job has not ended here.
CREATE TABLE uses (
    job TEXT PRIMARY KEY,
    agreement TEXT NOT NULL,
    number BIGINT NOT NULL,
    at_s BIGINT NOT NULL,
    statement TEXT NOT NULL,
    outcome TEXT NOT NULL
);

CREATE UNIQUE INDEX uses_by_number ON uses (agreement, number);
-- The few that have not ended.
CREATE INDEX uses_open ON uses (agreement, job) WHERE outcome = '';

-- Uses that peers showed: each number is spent by one job, and each job has one.
CREATE TABLE peer_uses (
    agreement TEXT NOT NULL,
    peer TEXT NOT NULL,
    number BIGINT NOT NULL,
    job TEXT NOT NULL,
    statement TEXT NOT NULL,
    PRIMARY KEY (agreement, peer, number)
);

CREATE UNIQUE INDEX peer_uses_by_job ON peer_uses (job, peer);

-- Where this node's chain of receipts ends: one row. Whoever writes a receipt writes it first.
CREATE TABLE chain (
    place BIGINT PRIMARY KEY,
    number BIGINT NOT NULL,
    digest TEXT NOT NULL
);

INSERT INTO chain (place, number, digest) VALUES (1, 0, '');

CREATE TABLE receipts (
    number BIGINT PRIMARY KEY,
    digest TEXT NOT NULL,
    event TEXT NOT NULL,
    agreement TEXT NOT NULL,
    job TEXT NOT NULL,
    at_s BIGINT NOT NULL,
    body TEXT NOT NULL
);

CREATE INDEX receipts_by_job ON receipts (job);
CREATE INDEX receipts_by_event ON receipts (event, at_s);

-- Receipts of runs that peers sent: one of each for a job.
CREATE TABLE peer_receipts (
    job TEXT NOT NULL,
    signer TEXT NOT NULL,
    digest TEXT NOT NULL,
    at_s BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (job, signer)
);

-- What persons of this participant approved: an agreement by its digest, a job by its id.
CREATE TABLE approvals (
    subject TEXT NOT NULL,
    person TEXT NOT NULL,
    at_s BIGINT NOT NULL,
    PRIMARY KEY (subject, person)
);

CREATE TABLE heartbeats (
    supervisor TEXT PRIMARY KEY,
    at_s BIGINT NOT NULL,
    body TEXT NOT NULL
);

-- Statements that a peer has not taken yet.
CREATE TABLE outbox (
    peer TEXT NOT NULL,
    digest TEXT NOT NULL,
    body TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    PRIMARY KEY (peer, digest)
);
