-- The number under which the job was begun last; -1 as long as it was not. No number is used twice.
ALTER TABLE jobs ADD COLUMN attempt BIGINT NOT NULL DEFAULT -1;

-- What parties reported that have done their parts, while others have not.
CREATE TABLE job_transcripts (
    job_id TEXT NOT NULL REFERENCES jobs (id),
    participant TEXT NOT NULL,
    -- In hex.
    transcript TEXT NOT NULL,
    PRIMARY KEY (job_id, participant)
);
