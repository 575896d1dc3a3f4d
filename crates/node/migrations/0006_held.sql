-- What a peer entered into a job when it first said so: it enters the same in every attempt, and in every part of the job.
CREATE TABLE peer_inputs (
    job TEXT NOT NULL,
    peer TEXT NOT NULL,
    commitment TEXT NOT NULL,
    padded_size BIGINT NOT NULL,
    PRIMARY KEY (job, peer)
);

-- A statement that a peer cannot take yet is brought again later.
ALTER TABLE outbox ADD COLUMN due_ms BIGINT NOT NULL DEFAULT 0;
