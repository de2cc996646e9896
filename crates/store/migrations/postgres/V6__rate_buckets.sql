-- What is left of rate limits that several processes share: when each bucket is full again, in
-- microseconds since the Unix epoch. One that is not there is full, so a crash may lose them.

CREATE UNLOGGED TABLE rate_buckets (
    bucket TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    full_at BIGINT NOT NULL
);
CREATE INDEX rate_buckets_full ON rate_buckets (full_at);
