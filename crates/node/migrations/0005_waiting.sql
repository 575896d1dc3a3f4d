-- Jobs that wait for this participant's approvers, or did: each asks about the job itself ('job'), or about an input that is
-- too close to an earlier one ('input', with the input's mark).
CREATE TABLE waiting (
    job TEXT NOT NULL,
    question TEXT NOT NULL,
    mark TEXT NOT NULL,
    agreement TEXT NOT NULL,
    name TEXT NOT NULL,
    note TEXT NOT NULL,
    asked_s BIGINT NOT NULL,
    answer TEXT NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (job, question, mark)
);

CREATE INDEX waiting_by_answer ON waiting (answer, asked_s);
