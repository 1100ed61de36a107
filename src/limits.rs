//! Every bound of the system, in one place, with assertions that relate them.
//!
//! Long because every bound is here, so that what relates them can be.
//!
//! A bound that is part of a format (what an agency may sign, what is stored) is marked so; it cannot be
//! tightened later without refusing what was accepted before.

/// One gRPC message, either way: a submission with the largest body and audience fits with room to spare.
pub const GRPC_MESSAGE_BYTES_MAX: usize = 1024 * 1024;
/// A signed payload (the header of a warning, an acknowledgement, a directory entry). Format.
pub const PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// The detached body of a warning. Format.
pub const BODY_BYTES_MAX: usize = 256 * 1024;
/// The signed payload of an acknowledgement: there may be 64 of each desk in the originator's view. Format.
pub const ACKNOWLEDGEMENT_BYTES_MAX: usize = 8 * 1024;
/// The detached free text of an acknowledgement. Format.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// The plaintext of a sealed body, padded: with its tag the largest is a body's bound. Format.
pub const SEALED_BODY_CLASSES: [usize; 9] = [
    1024,
    2 * 1024,
    4 * 1024,
    8 * 1024,
    16 * 1024,
    32 * 1024,
    64 * 1024,
    128 * 1024,
    BODY_BYTES_MAX - SEALED_TAG_BYTES,
];
/// The plaintext of a sealed text, padded: with the most that a suite adds the largest is a text's bound. Format.
pub const SEALED_TEXT_CLASSES: [usize; 4] = [256, 1024, 4 * 1024, TEXT_BYTES_MAX - SEALED_OVERHEAD_MAX];
/// What stands before the text inside a sealed part: the salt of its commitment, its length. Format.
pub const SEALED_HEAD_BYTES: usize = 32 + 4;
/// The tag of AES-256-GCM. Format.
pub const SEALED_TAG_BYTES: usize = 16;
/// The most that sealing to a key adds: the suite's byte, X-Wing's encapsulated key, the tag. Format.
pub const SEALED_OVERHEAD_MAX: usize = 1 + 1120 + SEALED_TAG_BYTES;
/// A body that can be sealed. Format.
pub const SEALABLE_BODY_BYTES_MAX: usize = BODY_BYTES_MAX - SEALED_TAG_BYTES - SEALED_HEAD_BYTES;
/// A text that can be sealed. Format.
pub const SEALABLE_TEXT_BYTES_MAX: usize = TEXT_BYTES_MAX - SEALED_OVERHEAD_MAX - SEALED_HEAD_BYTES;
/// The largest wrap: the originator's own, by X-Wing, with the key of the body and the secret of the reply key. Format.
pub const WRAP_BYTES_MAX: usize = SEALED_OVERHEAD_MAX + 32 + 33;
/// Wraps of one warning: one an addressed agency, and the originator's own. Format.
pub const WRAPS_MAX: usize = AUDIENCE_MAX + 1;
/// Bytes of a key to seal to: the suite's byte and X-Wing's public key. Format.
pub const SEAL_KEY_BYTES_MAX: usize = 1 + 1216;
/// Entries of a padded audience: 8, 64 or 256. Format.
pub const AUDIENCE_SIZES: [usize; 3] = [8, 64, 256];
/// Real (not padding) audience entries of one warning. Format.
pub const AUDIENCE_MAX: usize = 256;
/// Signatures of one envelope: one, or two where a rule says so. Format.
pub const SIGNATURES_MAX: usize = 2;
/// Characters of an id, an address, a desk. Format.
pub const ID_CHARS_MAX: usize = 64;
/// Bytes of one address expression of an audience: the longest is `competence:` and two ids. Format.
pub const ADDRESS_BYTES_MAX: usize = 2 * ID_CHARS_MAX + 16;
/// Characters of a log's origin. Format.
pub const ORIGIN_CHARS_MAX: usize = 128;
/// Languages of one body. Format.
pub const LANGUAGES_MAX: usize = 16;
/// References of one warning to earlier ones. Format.
pub const REFERENCES_MAX: usize = 16;
/// Extensions of one signed payload. Format.
pub const EXTENSIONS_MAX: usize = 16;
/// Harms of one warning: each at most once. Format.
pub const HARMS_MAX: usize = 8;
/// Specifics that one acknowledgement says are missing: each at most once. Format.
pub const MISSING_MAX: usize = 8;
/// States whose citizens one warning is about. Format.
pub const VICTIM_STATES_MAX: usize = 256;
/// Polygons, circles, geocodes of one area, each. Format.
pub const AREA_ITEMS_MAX: usize = 64;
/// Certificates enrolled with an agency. Format.
pub const CERTIFICATES_MAX: usize = 32;
/// Competences of one desk. Format.
pub const COMPETENCES_MAX: usize = 64;
/// Characters of an event or a headline. Format.
pub const HEADLINE_CHARS_MAX: usize = 500;
/// Characters of a description or an instruction. Format.
pub const DESCRIPTION_CHARS_MAX: usize = 20_000;
/// Characters of where and against whom, in words. Format.
pub const PLACE_CHARS_MAX: usize = 2_000;
/// Characters of an office, a label, a name for people, a code of a place. Format.
pub const NAME_CHARS_MAX: usize = 100;
/// Characters of a reason for the record. Format.
pub const REASON_CHARS_MAX: usize = 500;
/// Bytes of a public key that is not Ed25519: a TLS key's SubjectPublicKeyInfo, a sealing suite's own. Format.
pub const PUBLIC_KEY_BYTES_MAX: usize = 4096;
/// Bytes of a payload type; ours are shorter. Format.
pub const PAYLOAD_TYPE_BYTES_MAX: usize = 128;
/// Desks of one agency. Format.
pub const DESKS_MAX: usize = 256;
/// A draft of a warning, as text. YAML spends more characters than the body that it becomes.
pub const DRAFT_BYTES_MAX: usize = 1024 * 1024;
/// How deeply lists and maps nest in a draft; its format needs four.
pub const DRAFT_NESTING_MAX: usize = 8;
/// Keys of one map of a draft. Its format has some twenty, and a map of code systems at most as many as an area has items.
pub const DRAFT_KEYS_MAX: usize = 128;
/// Faults of one draft that are told; what comes after that many is noise.
pub const DRAFT_FAULTS_MAX: usize = 32;
/// How deeply messages nest in a signed payload.
pub const NESTING_MAX: usize = 16;

/// Bytes of one block: the records of one group commit, their envelopes and bodies. Format.
pub const BLOCK_BYTES_MAX: usize = 1024 * 1024;
/// Records of one block. Format.
pub const BLOCK_RECORDS_MAX: usize = 4096;
/// One stored record. Format.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// A value in sled. Large ones may reach blob files, which sled never syncs; and a leaf has up to 16 of them.
pub const SLED_VALUE_BYTES_MAX: usize = 2 * 1024;
/// sled's page cache, of the journal and of the index each; its default is 1 GiB. What is read comes out of the system's
/// cache again, so more than a working set buys nothing (measured: `docs/decisions/0027`).
pub const SLED_CACHE_BYTES: u64 = 4 * 1024 * 1024;
/// How often a read of the journal touches the leaf that it reads. sled counts accesses in 256 shards and evicts from one
/// only after 64 accesses of it: leaves that were touched once each would stay in memory, 16,384 of them.
pub const SLED_TOUCHES: usize = 8;
/// How often the index hands what it holds in memory to the system; more is only caught up after a kill.
pub const INDEX_WRITE_BACK_MS: u64 = 1_000;
/// sled's segment. What is written between two syncs must stay well below it: sled calls a segment stable that is only
/// written, and when two begin between two syncs, a power cut can make it throw away all before them (measured).
/// Format: a journal is opened with the segment size that it was made with.
pub const SLED_SEGMENT_BYTES: usize = 8 * 1024 * 1024;
/// Blocks that are written with one sync hold at most this much together; sled writes up to 4 times as much (measured).
pub const JOURNAL_SYNC_BYTES_MAX: usize = BLOCK_BYTES_MAX;
/// Threads that read the journal, the index and files at a time. Each keeps what it freed last (an arena of the allocator,
/// garbage of sled's), so that hundreds of them cost more memory than what they read.
pub const BLOCKING_THREADS_MAX: usize = 8;
/// Below this much free space submissions stop: a full disk poisons sled.
pub const DISK_FREE_BYTES_MIN: u64 = 256 * 1024 * 1024;
/// Below this much free space the journal writes nothing at all, and says so.
pub const JOURNAL_FREE_BYTES_MIN: u64 = 128 * 1024 * 1024;
/// Blocks and erasures waiting for the journal's writer, and at most written with one sync.
pub const JOURNAL_QUEUE_MAX: usize = 32;
/// How long an opening journal waits for a lock on its files before it says that they are in use.
pub const JOURNAL_LOCK_MS_MAX: u64 = 2_000;
/// A block that is not durable after this long never will be: the journal has failed.
pub const JOURNAL_ANSWER_MS_MAX: u64 = 60_000;

/// Records of one log: proofs and stored-hash indexes are computed without overflow up to here. Format.
pub const LOG_SIZE_MAX: u64 = 1 << 62;
/// Hashes of one inclusion or consistency proof: two a level and one.
pub const PROOF_HASHES_MAX: usize = 2 * 62 + 1;
/// A checkpoint with its cosignatures; a signed note must have room for 16 signatures of 5 kB (C2SP signed-note).
pub const CHECKPOINT_BYTES_MAX: usize = 128 * 1024;
/// Signature lines of one note, the log's own among them (C2SP signed-note asks for at least 16).
pub const NOTE_SIGNATURES_MAX: usize = 100;
/// Bytes of a witness's name (C2SP tlog-cosignature: what `cosigner_name` can hold).
pub const WITNESS_NAME_BYTES_MAX: usize = 255;
/// A trust policy (C2SP tlog-policy) as a file.
pub const POLICY_BYTES_MAX: usize = 256 * 1024;
/// Logs, and witnesses, and groups of one policy; the specification asks for at least 32 of each.
pub const POLICY_ENTRIES_MAX: usize = 64;
/// Hashes of a full tile (C2SP tlog-tiles). Format.
pub const TILE_HASHES: u16 = 256;
/// Characters of a tile's path: seven elements of the largest index, a level and a width, with room.
pub const TILE_PATH_CHARS_MAX: usize = 64;
/// Hashes of the consistency proof of one request to a witness (C2SP tlog-witness).
pub const ADD_CHECKPOINT_HASHES_MAX: usize = 63;
/// A request to a witness: a checkpoint, its proof and a size.
pub const ADD_CHECKPOINT_BYTES_MAX: usize = CHECKPOINT_BYTES_MAX + ADD_CHECKPOINT_HASHES_MAX * 45 + 32;
/// Logs of one witness.
pub const WITNESS_LOGS_MAX: usize = 64;
/// The file that says whose witness a directory is.
pub const WITNESS_CONF_BYTES_MAX: usize = 64 * 1024;
/// What a witness keeps of one log: a head, and a note with two signatures, or two such notes if its state was lost.
pub const WITNESS_STATE_BYTES_MAX: usize = 4 * 1024;
/// Checkpoints of one log that a witness remembers besides the last, to tell a late request from a fork.
pub const WITNESS_REMEMBERED_MAX: usize = 256;
/// Proofs that one log forked that a witness keeps, and, apart from these, refused growths, and sizes that it knows
/// nothing of: whoever may send these must not be able to fill a disk.
pub const WITNESS_EVIDENCE_MAX: usize = 64;
/// Requests that a witness works on at a time; more wait.
pub const WITNESS_REQUESTS_MAX: usize = 16;
/// How long the body of a request to a witness may take to come.
pub const WITNESS_BODY_MS_MAX: u64 = 10_000;
/// Opaque extra data of one tlog-proof.
pub const PROOF_EXTRA_BYTES_MAX: usize = 64 * 1024;
/// A tlog-proof with its checkpoint, as text.
pub const PROOF_TEXT_BYTES_MAX: usize = 256 * 1024;

/// A URL that is asked.
pub const URL_CHARS_MAX: usize = 2_000;
/// How long a connection to one that is asked may take, below the bound of the whole exchange.
pub const FETCH_CONNECT_MS_MAX: u64 = 10_000;
/// How long an idle connection is kept: a witness is asked at least every minute.
pub const FETCH_IDLE_MS_MAX: u64 = 90_000;
/// The headers of an answer.
pub const FETCH_HEADER_BYTES_MAX: usize = 16 * 1024;
/// Names that are looked up at a time, each on a thread: one a witness of the largest policy, and some.
pub const FETCH_LOOKUPS_MAX: usize = 64;
/// Addresses of one name that are tried.
pub const FETCH_ADDRESSES_MAX: usize = 8;
/// An evidence bundle: read, and held while it is checked, as a whole.
pub const BUNDLE_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Older checkpoints in one bundle.
pub const BUNDLE_EARLIER_MAX: usize = 4_096;
/// How long a bundle waits for witnesses to cosign the newest records of its warning: they are asked within a second or two.
pub const BUNDLE_COSIGNED_WAIT_MS: u64 = 5_000;
/// How often the relay is asked meanwhile.
pub const BUNDLE_COSIGNED_ASK_EVERY_MS: u64 = 200;
/// Roots that signers had seen in one bundle: as many as its records can have signers.
pub const BUNDLE_SEEN_MAX: usize = 32 * 1024;
/// RFC 3161 tokens in one bundle.
pub const BUNDLE_TIMESTAMPS_MAX: usize = 256;
/// A proof of misbehaviour: two receipts and room to spare.
pub const MISBEHAVIOUR_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The state roots that a verifier trusts, as a file.
pub const TRUSTED_ROOTS_BYTES_MAX: usize = 1024 * 1024;

/// The configuration file of a relay.
pub const CONFIG_BYTES_MAX: u64 = 256 * 1024;
/// Whole days after its expiry that what an ordinary warning says is kept, unless the operator sets another rule.
pub const RETENTION_ORDINARY_DAYS: u32 = 730;
/// The same of warnings that contain personal data.
pub const RETENTION_PERSONAL_DATA_DAYS: u32 = 90;
/// The same of exercises and tests.
pub const RETENTION_EXERCISE_DAYS: u32 = 30;
/// The longest rule. The shortest is a day: what is under way to the log at midnight still is of the day before.
pub const RETENTION_DAYS_MAX: u32 = 36_525;
/// How long an auditor's hold may be. Rule.
pub const HOLD_MS_MAX: i64 = 2 * 366 * 24 * 3600 * 1000;
/// Warnings, and agencies, that one hold names. Format.
pub const HOLD_ITEMS_MAX: usize = 256;
/// Holds of one auditor at a time. Rule.
pub const HOLDS_PER_AUDITOR_MAX: usize = 256;
/// How often it is looked what is due to be erased.
pub const RETENTION_EVERY_MS: u64 = 10 * 60 * 1_000;
/// How long a start waits until all that was destroyed before is told; the rest is told while the relay runs.
pub const RETENTION_START_MS_MAX: u64 = 60 * 1_000;
/// Days beyond the longest life of a warning that keys are made ahead: a sender's clock may be ahead, and a day has passed.
pub const RETENTION_AHEAD_DAYS: u32 = 2;
/// How far a clock may be ahead of what was last known, for anything to be destroyed by it: a day's keys and the next day's note.
pub const CLOCK_AHEAD_MS_MAX: i64 = 2 * 24 * 3600 * 1000;
/// Parts that are moved under another key at a time.
pub const RETENTION_MOVES: usize = 16;
/// How long a bucket of which something is held rests before it is looked at again: each time all that is held is moved.
pub const RETENTION_REST_MS: i64 = 24 * 3600 * 1000;
/// Erasures that are under way to the log at a time.
pub const RETENTION_BATCH: usize = 256;
/// The file of the buckets' keys: of each class those of the longest rule and of what is made ahead, each replaced and noted too.
pub const KEYRING_BYTES_MAX: usize = 16 * 1024 * 1024;
const _: () = assert!(3 * (RETENTION_DAYS_MAX as usize + 400) * (37 + 37 + 17) < KEYRING_BYTES_MAX);
/// Bytes of the mark beside what was erased in an inbox.
pub const ERASURE_MARK_BYTES_MAX: usize = 4 * 1024;
/// How often an inbox is looked through for what is due.
pub const INBOX_ERASURE_EVERY_MS: i64 = 24 * 3_600 * 1_000;
/// A warning that one agency hands to another, as JSON: a body and a record of the largest, two payloads and a proof.
pub const ONWARD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The ids of the keys that an entry of an outbox is sealed to, a line each.
pub const OUTBOX_SEALED_BYTES_MAX: usize = 65 * WRAPS_MAX;
/// A key file.
pub const KEY_FILE_BYTES_MAX: usize = 16 * 1024;
/// A passphrase; longer ones gain nothing.
pub const PASSPHRASE_BYTES_MAX: usize = 1024;
/// A passphrase that protects something new: fewer are found by trying.
pub const PASSPHRASE_CHARS_MIN: usize = 12;
/// How often a person may mistype one.
pub const PASSPHRASE_TRIES_MAX: u32 = 3;
/// The memory that a protected file may ask for to be opened: 1 GiB, sixteen times what ours ask for.
pub const PASSPHRASE_MEMORY_KIB_MAX: u32 = 1024 * 1024;
/// And passes over it.
pub const PASSPHRASE_PASSES_MAX: u32 = 64;
/// Both together, as KiB written: 4 GiB, some twenty times what ours ask for. Seconds, also where a person mistypes it.
pub const PASSPHRASE_WORK_KIB_MAX: u64 = 4 * 1024 * 1024;
/// And lanes.
pub const PASSPHRASE_LANES_MAX: u32 = 64;
/// What an exec signer may print.
pub const EXEC_SIGNER_OUTPUT_BYTES_MAX: usize = 256;
/// How long an exec signer may take: an officer may have to touch a token.
pub const EXEC_SIGNER_MS_MAX: u64 = 60_000;
/// How often a program is asked to sign a newest checkpoint before the relay gives up.
pub const LOG_SIGNER_ATTEMPTS_MAX: u32 = 5;
/// The first pause between two of these; each one is twice the one before.
pub const LOG_SIGNER_PAUSE_MS: u64 = 200;
/// Signed notes of earlier checkpoints that a relay remembers.
pub const EARLIER_NOTES_MAX: usize = 64;

/// What a relay said against an entry of the outbox, as a file.
pub const OUTBOX_REFUSAL_BYTES_MAX: usize = 16 * 1024;
/// A profile's settings.
pub const PROFILE_BYTES_MAX: usize = 64 * 1024;
/// How often a client sends the same message of one call.
pub const CALL_ATTEMPTS_MAX: u32 = 6;
/// How long one attempt may take.
pub const CALL_MS_MAX: u64 = 30_000;
/// A client's first wait before it tries again.
pub const CLIENT_BACKOFF_MS_MIN: u64 = 100;
/// A client's longest wait between attempts of one call.
pub const CLIENT_BACKOFF_MS_MAX: u64 = 2_000;
/// A client's longest wait before it opens a session again.
pub const SESSION_BACKOFF_MS_MAX: u64 = 30_000;
/// How often an idle connection is tried.
pub const CLIENT_KEEP_ALIVE_MS: u64 = 20_000;
/// How long the answer to that may take.
pub const CLIENT_KEEP_ALIVE_ANSWER_MS_MAX: u64 = 10_000;
/// Open warnings that `watch` shows when it begins.
pub const OPEN_SHOWN_MAX: usize = 100;
/// Deliveries that a client lets come before it has taken them.
pub const CLIENT_CREDIT: u32 = 64;
/// Messages up a delivery session that wait to be sent.
pub const SESSION_REQUESTS_MAX: usize = 128;
/// Missing inbox numbers that a client names.
pub const MISSING_NUMBERS_SHOWN_MAX: usize = 16;
/// Questions about missing inbox numbers that a client still asks when it is told to end.
pub const MISSING_ASKED_AT_ONCE: u64 = 64;
/// One answer of a relay that holds many records (a page of the directory, all threads of a warning).
pub const GRPC_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The cache of the directory in a profile, and its list of confirmed keys.
pub const DIRECTORY_CACHE_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// A welcome file.
pub const WELCOME_BYTES_MAX: usize = 64 * 1024 + CHECKPOINT_BYTES_MAX;
/// An RFC 3161 token: a signature and a few certificates are under 10 kB.
pub const TSA_TOKEN_BYTES_MAX: usize = 64 * 1024;
/// What a timestamp authority answers: a token, and words.
pub const TSA_ANSWER_BYTES_MAX: usize = TSA_TOKEN_BYTES_MAX + 4 * 1024;
/// How long an exchange with a timestamp authority may take.
pub const TSA_EXCHANGE_MS_MAX: u64 = 30_000;
/// Certificates in a token.
pub const TSA_CERTIFICATES_MAX: usize = 16;
/// Signed attributes, and extensions, of a token.
pub const TSA_ATTRIBUTES_MAX: usize = 32;
/// Signers of a token that are read: it must have one, and two are told from a malformed one.
pub const TSA_SIGNERS_READ: usize = 8;
/// Characters of a timestamp authority's name, or words, that are shown.
pub const TSA_NAME_CHARS_MAX: usize = 250;
/// Roots of timestamp authorities that one verifier trusts.
pub const TSA_ROOTS_MAX: usize = 256;
/// A file of such roots, PEM.
pub const TSA_ROOT_FILE_BYTES_MAX: usize = 1024 * 1024;
/// A token with its checkpoint, as a profile keeps them.
pub const TIMESTAMP_FILE_BYTES_MAX: usize = 2 * (TSA_TOKEN_BYTES_MAX + CHECKPOINT_BYTES_MAX);
/// Verified checkpoints that a client remembers besides the newest, so that each is proven once.
pub const CHECKPOINTS_REMEMBERED_MAX: usize = 256;

/// Commands and handovers waiting for the sequencer; more are shed with `OVERLOADED`.
pub const SEQUENCER_QUEUE_MAX: usize = 4096;
/// Handovers among them: neither they nor the commands can take the others' room.
pub const SEQUENCER_QUEUE_HANDOVERS_MAX: usize = SEQUENCER_QUEUE_MAX / 4;
/// Bytes of commands waiting for the sequencer or its block; more are shed with `OVERLOADED`.
pub const SEQUENCER_QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Room for commands that is kept for acknowledgements, revocations, dismissals and suspensions.
pub const URGENT_COMMANDS_KEPT: usize = (SEQUENCER_QUEUE_MAX - SEQUENCER_QUEUE_HANDOVERS_MAX) / 4;
/// Bytes of it.
pub const URGENT_BYTES_KEPT: usize = SEQUENCER_QUEUE_BYTES_MAX / 4;
/// Other commands of one principal that are under way, an eighth of the room: a full `SubmitMany` stream, and some. More
/// are shed with `OVERLOADED`.
pub const COMMANDS_PER_PRINCIPAL_MAX: usize =
    (SEQUENCER_QUEUE_MAX - SEQUENCER_QUEUE_HANDOVERS_MAX - URGENT_COMMANDS_KEPT) / 8;
/// Bytes of them.
pub const COMMAND_BYTES_PER_PRINCIPAL_MAX: usize = (SEQUENCER_QUEUE_BYTES_MAX - URGENT_BYTES_KEPT) / 8;
/// The same of those that room is kept for, an eighth of that.
pub const URGENT_COMMANDS_PER_PRINCIPAL_MAX: usize = URGENT_COMMANDS_KEPT / 8;
/// Bytes of them.
pub const URGENT_BYTES_PER_PRINCIPAL_MAX: usize = URGENT_BYTES_KEPT / 8;
/// Records that a start applies before it writes to the index.
pub const CATCH_UP_RECORDS: usize = 1024;
/// Threads of which handovers beyond the bound an hour are counted in memory.
pub const HANDOVERS_COUNTED_MAX: usize = 65_536;
/// Submissions in flight on one `SubmitMany` stream.
pub const SUBMISSIONS_IN_FLIGHT_MAX: usize = 256;
/// Credit that one delivery session may hold.
pub const SESSION_CREDIT_MAX: u32 = 1024;
/// Sessions of one desk at a time.
pub const SESSIONS_PER_DESK_MAX: usize = 16;
/// Delivery sessions of one principal, and as many watches.
pub const SESSIONS_PER_PRINCIPAL_MAX: usize = 512;
/// Threads that a watch tells apart when they move while it does not look; of more it looks at all.
pub const WATCH_MOVED_MAX: usize = 16;
/// Delivery sessions of the whole relay, and as many watches.
pub const SESSIONS_MAX: usize = 4096;
/// Whoever has fewer gets a seat even in the last quarter of the room.
pub const SESSIONS_FEW: usize = 4;
/// TLS connections of enrolled agencies at a time.
pub const CONNECTIONS_MAX: usize = 4096;
/// TLS connections of one principal at a time.
pub const CONNECTIONS_PER_PRINCIPAL_MAX: usize = 64;
/// Whoever has fewer gets a connection even in the last quarter of the room.
pub const CONNECTIONS_FEW: usize = 4;
/// TLS handshakes at a time.
pub const HANDSHAKES_MAX: usize = 1024;
/// TLS handshakes of one address at a time. Many agencies may stand behind one.
pub const HANDSHAKES_PER_ADDRESS_MAX: usize = 256;
/// TLS connections of keys that nobody has enrolled, at a time.
pub const STRANGERS_MAX: usize = 256;
/// How long such a connection lives: long enough to be told why nothing is answered.
pub const STRANGER_MS_MAX: u64 = 10_000;
/// The oldest handshake, or stranger, of a full room gives way to a newer one after this long.
pub const DISPLACED_AFTER_MS: u64 = 1_000;
/// Concurrent streams of one connection.
pub const STREAMS_PER_CONNECTION_MAX: u32 = 512;
/// Pause after a connection could not be accepted.
pub const ACCEPT_PAUSE_MS: u64 = 50;
/// A TLS handshake that takes longer is cut off.
pub const HANDSHAKE_MS_MAX: u64 = 10_000;
/// What a peer may send on one stream, and on one connection, before it is told that there is room for more.
pub const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// The same of a whole connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// An idle connection is asked whether its peer is there this often.
pub const KEEPALIVE_INTERVAL_MS: u64 = 20_000;
/// A connection whose peer does not answer that in time is closed.
pub const KEEPALIVE_TIMEOUT_MS: u64 = 10_000;
/// Headers of one request.
pub const HEADER_BYTES_MAX: u32 = 16 * 1024;
/// Messages that wait on one stream for a peer to read them.
pub const OUTBOUND_QUEUE_MAX: usize = 4;
/// Bytes of an answer that are given to the connection at once: one DATA frame of HTTP/2 (RFC 9113 §6.5.2).
pub const PIECE_BYTES_MAX: usize = 16 * 1024;
/// Bytes of answers that wait to be made, or for one principal to read them.
pub const UNREAD_BYTES_PER_PRINCIPAL_MAX: usize = 16 * 1024 * 1024;
/// Of these, those of one `SubmitMany` or replay.
pub const UNREAD_BYTES_PER_STREAM_MAX: usize = 4 * 1024 * 1024;
/// How long a call waits for room among them before it is shed with `OVERLOADED`.
pub const UNREAD_WAIT_MS_MAX: u64 = 10_000;
/// Bytes of one principal's messages that have begun to come and are not whole, by the lengths that they declare.
pub const UNFINISHED_BYTES_PER_PRINCIPAL_MAX: usize = 32 * 1024 * 1024;
/// Milliseconds in which a message that has begun comes whole: the largest body over 64 kbit/s.
pub const MESSAGE_MS_MAX: u64 = 60_000;
/// How often the log tells that a principal's calls are refused with one code.
pub const REFUSAL_LINE_EVERY: std::time::Duration = std::time::Duration::from_secs(60);
/// A request for reflection: a name.
pub const REFLECTION_MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// What a call reserves for its answer, if nothing larger is to be expected.
pub const ANSWER_BYTES: usize = 16 * 1024;
/// What a submission reserves for its receipts.
pub const SUBMIT_ANSWER_BYTES: usize = 64 * 1024;
/// Acknowledgements in flight on one delivery session.
pub const ACKNOWLEDGEMENTS_IN_FLIGHT_MAX: usize = 64;
/// How long a session that has ended may take to be told so.
pub const ENDING_MS_MAX: u64 = 2_000;
/// A session that does not take a delivery for this long is cut off: slow is never a brake.
pub const SESSION_STALL_MS_MAX: u64 = 30_000;
/// What is not `RECEIVED` comes again on the same session after this long.
pub const REDELIVER_AFTER_MS: u64 = 60_000;
/// Deliveries read from the index at once.
pub const DELIVERY_BATCH_MAX: usize = 64;
/// `HANDED_OVER` records in an hour for one (warning, recipient). Format.
pub const HANDOVER_RECORDS_PER_HOUR_MAX: u32 = 8;
/// Acknowledgement records of one (warning, recipient). Format.
pub const ACKNOWLEDGEMENTS_PER_THREAD_MAX: u32 = 64;
/// `REJECTED` records an hour for one principal; beyond it a refusal leaves none.
pub const REJECTED_RECORDS_PER_HOUR_MAX: u32 = 256;
/// Warnings that one agency may have accepted in an hour, unless the operator sets another quota.
pub const WARNINGS_PER_HOUR: u64 = 10_000;
/// Bytes of them, unless the operator sets another quota.
pub const WARNING_BYTES_PER_HOUR: u64 = 128 * 1024 * 1024;
/// The smallest quota of warnings that an operator may set.
pub const WARNINGS_PER_HOUR_MIN: u64 = 4;
/// The smallest quota of their bytes: the largest warning must fit.
pub const WARNING_BYTES_PER_HOUR_MIN: u64 = 4 * 1024 * 1024;
/// The largest quota that an operator may set, of either.
pub const QUOTA_MAX: u64 = 1 << 40;
/// One part in this many of an agency's quota is kept for ACTUAL warnings.
pub const QUOTA_KEPT_FOR_ACTUAL: u64 = 4;
/// Changes of the directory that one agency may have recorded in an hour: everybody follows, verifies and keeps each of them.
pub const DIRECTORY_CHANGES_PER_HOUR: u64 = 64;
/// Bytes of them.
pub const DIRECTORY_BYTES_PER_HOUR: u64 = 512 * 1024;
/// All agencies of a state and its root together may change the directory so many times as much.
pub const DIRECTORY_STATE_SHARES: u64 = 4;
/// What a change of the directory is counted as besides its payload: its signatures and record.
pub const DIRECTORY_CHANGE_BYTES: usize = 512;
/// What the routing of one recipient is counted as: about what it takes in the journal and the index.
pub const RECIPIENT_BYTES: usize = 1024;

/// How far `sent` may lie ahead of the relay's clock. Rule.
pub const SENT_AHEAD_MS_MAX: i64 = 5 * 60 * 1000;
/// How far `expires` may lie after `sent`. Rule.
pub const LIFETIME_MS_MAX: i64 = 366 * 24 * 3600 * 1000;

/// Reads (lists, views, proofs, a replay's next batch) at a time; they share no thread with receipts and deliveries.
pub const READS_AT_ONCE_MAX: usize = 16;
/// Those of one principal.
pub const READS_AT_ONCE_PER_PRINCIPAL_MAX: usize = 4;
/// Reads of one principal that are under way or wait, running replays too; more are shed with `OVERLOADED`.
pub const READERS_PER_PRINCIPAL_MAX: usize = 128;
/// Watches of one principal, and those who wait for a turn to begin a watch or a session.
pub const FOLLOWERS_PER_PRINCIPAL_MAX: usize = SESSIONS_PER_PRINCIPAL_MAX + READERS_PER_PRINCIPAL_MAX;
/// Rows of one page.
pub const PAGE_MAX: u32 = 1000;
/// Rows that are looked at for one page; then it is short.
pub const LIST_SCAN_MAX: usize = 4_096;
/// Bytes of records, parts and proofs of one answer.
pub const VIEW_BYTES_MAX: usize = GRPC_MESSAGE_BYTES_MAX - 64 * 1024;
/// Records of one thread that are looked up at once.
pub const VIEW_RECORDS_MAX: usize = 512;
/// Pages of one warning that a client asks for: 256 recipients with 64 acknowledgements and texts each are less than half.
pub const WARNING_PAGES_MAX: usize = 1024;
/// Bytes of them.
pub const WARNING_PAGES_BYTES_MAX: usize = 512 * 1024 * 1024;
/// How often the witnesses are asked at most: one candidate a second, however many blocks there are.
pub const WITNESS_ASK_EVERY_MS: u64 = 1_000;
/// How often they are asked when nothing is new: so long after the last block it can still be shown that nothing came.
pub const WITNESS_IDLE_MS: u64 = 60_000;
/// How often a candidate stands until every witness has been asked about it. Slow witnesses that skip candidates would skip
/// different ones, and never meet.
pub const WITNESS_ANCHOR_MS: u64 = 10_000;
/// How long one exchange with a witness may take.
pub const WITNESS_ANSWER_MS_MAX: u64 = 10_000;
/// The answer of a witness: some signature lines, or a size.
pub const WITNESS_ANSWER_BYTES_MAX: usize = 16 * 1024;
/// Requests of one asking: the second or third follows the size that the witness says it has.
pub const WITNESS_REQUESTS_PER_ASKING_MAX: usize = 3;
/// The longest wait before a witness that gave no cosignature is asked again.
pub const WITNESS_BACKOFF_MS_MAX: u64 = 15_000;
/// How far a cosignature's time may lie from the relay's clock: what it brackets would be wrong.
pub const WITNESS_CLOCK_MS_MAX: i64 = 5 * 60 * 1000;
/// When the quorum is older than this, a person must look.
pub const WITNESS_QUORUM_MS_MAX: i64 = 3 * 60 * 1000;
/// How often that is said while it lasts.
pub const WITNESS_ALARM_EVERY_MS: u64 = 60_000;
/// How long a start waits for the witnesses and the followers, all together.
pub const WITNESS_START_MS_MAX: u64 = 5_000;
/// Threads that read the tree for the witnesses' proofs.
pub const WITNESS_READERS: usize = 1;
/// Reads that wait for them: a few for each witness of a policy and each follower.
pub const WITNESS_READS_WAITING_MAX: usize = 256;
/// Whoever keeps copies of the log's checkpoints and is asked at a start.
pub const LOG_FOLLOWERS_MAX: usize = 16;
/// Cosigned notes that wait to be stored.
pub const COSIGNED_QUEUE_MAX: usize = 1024;
/// How long a stored cosignature may wait for stable storage: each sync competes with the journal's.
pub const COSIGNED_SYNC_MS: u64 = 5_000;
/// Sizes whose cosignatures are kept in memory: late ones come within a few candidates.
pub const COSIGNED_RECENT_MAX: usize = 64;
/// A cosigned note that is stored.
pub const COSIGNED_NOTE_BYTES_MAX: usize = 14 * 1024;
/// The cache of the store.
pub const COSIGNED_CACHE_BYTES: usize = 4 * 1024 * 1024;
/// Cosigned notes older than this are thinned out to one a minute.
pub const COSIGNED_THIN_AFTER_MS: i64 = 24 * 3_600 * 1_000;
/// How often that is done.
pub const COSIGNED_THIN_EVERY_MS: u64 = 60_000;
/// How many are looked at then.
pub const COSIGNED_THIN_BATCH: usize = 4_096;
/// Notes that contradict this log that are kept as files.
pub const CONTRADICTIONS_KEPT_MAX: usize = 64;
/// How often the public checkpoint moves at most.
pub const PUBLISH_EVERY_MS: u64 = 1_000;
/// How often it is looked at when nothing is new.
pub const PUBLISH_AGAIN_MS: u64 = 10_000;
/// Threads that read tiles for the public.
pub const PUBLIC_READERS: usize = 2;
/// Reads of tiles that wait for them; more are told to come back.
pub const PUBLIC_READS_WAITING_MAX: usize = 256;
/// Connections of the public at a time.
pub const PUBLIC_CONNECTIONS_MAX: usize = 512;
/// Those of one address, or IPv6 network of 64 bits: many readers may stand behind one.
pub const PUBLIC_CONNECTIONS_PER_ADDRESS_MAX: usize = PUBLIC_CONNECTIONS_MAX / 4;
/// How long the header of a public request may take, and a connection may be idle.
pub const PUBLIC_HEADER_MS_MAX: u64 = 10_000;
/// How long a public connection lives.
pub const PUBLIC_CONNECTION_MS_MAX: u64 = 60_000;
/// The header of a public request.
pub const PUBLIC_HEADER_BYTES_MAX: usize = 8 * 1024;
/// Lines of it.
pub const PUBLIC_HEADERS_MAX: usize = 64;
/// Records that one call finds the cosigned checkpoints around. Format of the call.
pub const COSIGNED_INDEXES_MAX: usize = 32;
/// Records that a replay reads at once.
pub const REPLAY_BATCH_MAX: usize = 256;
/// Directory records of one response.
pub const DIRECTORY_PAGE_MAX: usize = 512;
/// Near names offered with `UNKNOWN_RECIPIENT`.
pub const NEAR_NAMES_MAX: usize = 5;
/// Names in a gRPC status, in bytes: it travels in a trailer, in base64, and clients take 16 KiB of headers.
pub const STATUS_NAMES_BYTES_MAX: usize = 9 * 1024;
/// Names that are compared when near ones are looked for.
pub const NEAR_NAMES_SEARCHED_MAX: usize = 4096;
/// How long a drain on SIGTERM may take before what is left is cut.
pub const DRAIN_MS_MAX: u64 = 10_000;
/// How long a relay that is started as a process may take until it serves: it catches its index up first.
pub const RELAY_START_MS_MAX: u64 = 60_000;
/// How long it may take to end when it is asked to.
pub const RELAY_STOP_MS_MAX: u64 = 20_000;
/// How long the demo waits for any one thing.
pub const DEMO_WAIT_MS_MAX: u64 = 60_000;
/// How often the heartbeat file is rewritten.
pub const HEARTBEAT_MS: u64 = 5_000;
/// How long one alarm of one cause (a principal, a witness, a log) is not repeated in the log.
pub const ALARM_PAUSE_MS: i64 = 60_000;
/// Log lines that wait to be written; more are dropped, as a log that nobody reads must hold up nothing.
pub const LOG_LINES_MAX: usize = 8 * 1024;

/// Keys that an audit keeps for its threads; signatures of others are checked in order.
pub const AUDIT_KEYS_KNOWN_MAX: usize = 64 * 1024;
/// New facts that an audit holds in memory before it moves them to its state: some 300 bytes each.
pub const AUDIT_FRONT_MAX: usize = 128 * 1024;
/// Hashes of the tree that an audit has at hand; older ones are read from its file.
pub const AUDIT_TREE_AT_HAND: usize = 64 * 1024;
/// One index of a copy of the log: the record, and the body or text beside it, as a protobuf message.
pub const COPY_CHUNK_BYTES_MAX: usize = RECORD_BYTES_MAX + BODY_BYTES_MAX + 4 * 1024;
/// Indexes that an audit hands to one of its threads at once.
pub const AUDIT_BATCH_RECORDS_MAX: usize = 64;
/// Bytes of them, and one record more. Small, because an allocator of hundreds of kilobytes is slow (measured).
pub const AUDIT_BATCH_BYTES_MAX: usize = 48 * 1024;
/// Room for that one record, if it is as large as most.
pub const AUDIT_BATCH_SLACK_BYTES: usize = 8 * 1024;
/// The first batch is smaller, as it brings the keys that those after it are signed with.
pub const AUDIT_BATCH_RECORDS_FIRST: usize = 16;
/// Batches under way, for each thread: those that are worked on, wait for it, or for their place in the order.
pub const AUDIT_BATCHES_PER_THREAD: usize = 8;
/// And at least so many: the threads go on while facts are moved to disk, which takes some tens of milliseconds.
pub const AUDIT_BATCHES_MIN: usize = 64;
/// Batches that the thread in order takes at once.
pub const AUDIT_BATCHES_TOGETHER: usize = 8;
/// Threads of one audit.
pub const AUDIT_THREADS_MAX: usize = 256;
/// After so many records a long audit over the network has its part proven to be of the signed log, and keeps it.
pub const AUDIT_KEEP_EVERY: u64 = 256 * 1024;
/// Stretches of records that were withheld from an audit, as its state keeps them: some 20 bytes each. Of what comes after so many
/// it keeps only that some may have been withheld.
pub const AUDIT_WITHHELD_RANGES_MAX: usize = 64 * 1024;
/// What an audit reads of a file at once.
pub const AUDIT_READ_BYTES: usize = 256 * 1024;
/// Ids that an audit's store holds as one entry: some 5 KiB.
pub const AUDIT_IDS_OF_A_RUN: usize = 64;
/// The cache of an audit's facts on disk.
pub const AUDIT_STORE_CACHE_BYTES: usize = 64 * 1024 * 1024;
/// The name of the run that counts, in an audit's state.
pub const AUDIT_NAME_BYTES_MAX: usize = 64;

const _: () = assert!(SEAL_KEY_BYTES_MAX <= PUBLIC_KEY_BYTES_MAX);
const _: () = assert!(
    SEALED_TEXT_CLASSES[2] < SEALED_TEXT_CLASSES[3] && SEALED_BODY_CLASSES[7] < SEALED_BODY_CLASSES[8]
);
const _: () = assert!(TEXT_BYTES_MAX <= BODY_BYTES_MAX && CHECKPOINT_BYTES_MAX <= COPY_CHUNK_BYTES_MAX);
const _: () = assert!(BODY_BYTES_MAX + PAYLOAD_BYTES_MAX + 64 * 1024 < GRPC_MESSAGE_BYTES_MAX);
const _: () = assert!(
    BODY_BYTES_MAX + PAYLOAD_BYTES_MAX + WRAPS_MAX * (WRAP_BYTES_MAX + 8) + 64 * 1024
        < GRPC_MESSAGE_BYTES_MAX
);
const _: () = assert!(
    (BODY_BYTES_MAX + RECORD_BYTES_MAX + 2 * PAYLOAD_BYTES_MAX) * 3 / 2 + 2 * PROOF_TEXT_BYTES_MAX
        < ONWARD_BYTES_MAX
);
const _: () = assert!(RECORD_BYTES_MAX > 2 * PAYLOAD_BYTES_MAX);
const _: () = assert!(AREA_ITEMS_MAX <= DRAFT_KEYS_MAX && LANGUAGES_MAX <= DRAFT_KEYS_MAX);
const _: () = assert!(BODY_BYTES_MAX + 2 * RECORD_BYTES_MAX < BLOCK_BYTES_MAX);
const _: () = assert!(BODY_BYTES_MAX + 2 * RECORD_BYTES_MAX < VIEW_BYTES_MAX);
const _: () = assert!(
    TOTAL_ACKNOWLEDGEMENT_BYTES_MAX < WARNING_PAGES_BYTES_MAX
        && 2 * TOTAL_ACKNOWLEDGEMENT_BYTES_MAX / VIEW_BYTES_MAX < WARNING_PAGES_MAX
);
const TOTAL_ACKNOWLEDGEMENT_BYTES_MAX: usize = AUDIENCE_MAX
    * ACKNOWLEDGEMENTS_PER_THREAD_MAX as usize
    * (ACKNOWLEDGEMENT_BYTES_MAX + TEXT_BYTES_MAX + 4 * 1024);
const _: () = assert!(RECORD_BYTES_MAX + TEXT_BYTES_MAX + (PROOF_HASHES_MAX + 1) * 34 < VIEW_BYTES_MAX);
const _: () = assert!(CLIENT_CREDIT <= SESSION_CREDIT_MAX && CLIENT_CREDIT as usize <= SESSION_REQUESTS_MAX);
const _: () = assert!(SLED_VALUE_BYTES_MAX <= 6 * 1024);
// What readers of the journal hold beyond its cache: 64 MiB.
const _: () = assert!(256 * (64 / SLED_TOUCHES) * 16 * SLED_VALUE_BYTES_MAX <= 64 * 1024 * 1024);
const _: () = assert!(AUDIENCE_SIZES[2] == AUDIENCE_MAX);
const _: () = assert!(LOG_SIZE_MAX == 1 << 62 && PROOF_HASHES_MAX > 2 * 62);
const _: () = assert!(
    CHECKPOINT_BYTES_MAX + PROOF_EXTRA_BYTES_MAX * 4 / 3 + (PROOF_HASHES_MAX + 1) * 64 < PROOF_TEXT_BYTES_MAX
);
const _: () = assert!(PROOF_TEXT_BYTES_MAX < GRPC_MESSAGE_BYTES_MAX);
// A note has room for the log and each witness of a policy, with names of full length.
const _: () = assert!(POLICY_ENTRIES_MAX < NOTE_SIGNATURES_MAX);
const _: () = assert!(2 * (3 * ORIGIN_CHARS_MAX + WITNESS_NAME_BYTES_MAX + 512) < WITNESS_STATE_BYTES_MAX);
const _: () = assert!((POLICY_ENTRIES_MAX + 1) * (WITNESS_NAME_BYTES_MAX + 128) < CHECKPOINT_BYTES_MAX);
const _: () = assert!(MISBEHAVIOUR_BYTES_MAX > 2 * (2 * RECORD_BYTES_MAX + PROOF_TEXT_BYTES_MAX));
const _: () = assert!(BUNDLE_SEEN_MAX > AUDIENCE_MAX * ACKNOWLEDGEMENTS_PER_THREAD_MAX as usize);
const _: () =
    assert!(JOURNAL_SYNC_BYTES_MAX >= BLOCK_BYTES_MAX && 8 * JOURNAL_SYNC_BYTES_MAX <= SLED_SEGMENT_BYTES);
const _: () = assert!(JOURNAL_FREE_BYTES_MIN < DISK_FREE_BYTES_MIN);
const _: () = assert!((2 * JOURNAL_QUEUE_MAX * BLOCK_BYTES_MAX) as u64 <= JOURNAL_FREE_BYTES_MIN);
const _: () = assert!(
    ((BODY_BYTES_MAX
        + PAYLOAD_BYTES_MAX
        + AUDIENCE_MAX * (ADDRESS_BYTES_MAX + 64 + RECIPIENT_BYTES)
        + WRAPS_MAX * (WRAP_BYTES_MAX + 64)) as u64)
        < WARNING_BYTES_PER_HOUR_MIN - WARNING_BYTES_PER_HOUR_MIN / QUOTA_KEPT_FOR_ACTUAL
);
const _: () = assert!(
    WARNINGS_PER_HOUR_MIN > WARNINGS_PER_HOUR_MIN / QUOTA_KEPT_FOR_ACTUAL && QUOTA_KEPT_FOR_ACTUAL > 1
);
const _: () = assert!((PAYLOAD_BYTES_MAX + DIRECTORY_CHANGE_BYTES) as u64 <= DIRECTORY_BYTES_PER_HOUR);
const _: () = assert!(WARNINGS_PER_HOUR_MIN <= WARNINGS_PER_HOUR && WARNINGS_PER_HOUR <= QUOTA_MAX);
const _: () =
    assert!(WARNING_BYTES_PER_HOUR_MIN <= WARNING_BYTES_PER_HOUR && WARNING_BYTES_PER_HOUR <= QUOTA_MAX);
const _: () = assert!(COMMANDS_PER_PRINCIPAL_MAX > SUBMISSIONS_IN_FLIGHT_MAX);
const _: () = assert!(URGENT_COMMANDS_PER_PRINCIPAL_MAX > ACKNOWLEDGEMENTS_IN_FLIGHT_MAX);
const _: () = assert!(
    COMMAND_BYTES_PER_PRINCIPAL_MAX as u64 >= WARNING_BYTES_PER_HOUR_MIN
        && URGENT_BYTES_PER_PRINCIPAL_MAX >= GRPC_MESSAGE_BYTES_MAX
);
const _: () = assert!(READS_AT_ONCE_PER_PRINCIPAL_MAX < READS_AT_ONCE_MAX);
const _: () = assert!(2 * COSIGNED_INDEXES_MAX * COSIGNED_NOTE_BYTES_MAX < VIEW_BYTES_MAX);
const _: () = assert!(WITNESS_ANSWER_MS_MAX <= WITNESS_ANCHOR_MS && WITNESS_ANCHOR_MS < WITNESS_IDLE_MS);
const _: () = assert!((2 * WITNESS_IDLE_MS + WITNESS_ANSWER_MS_MAX) as i64 <= WITNESS_QUORUM_MS_MAX);
const _: () = assert!(STREAM_WINDOW_BYTES as usize >= GRPC_MESSAGE_BYTES_MAX);
const _: () = assert!(HANDSHAKES_PER_ADDRESS_MAX < HANDSHAKES_MAX && DISPLACED_AFTER_MS < HANDSHAKE_MS_MAX);
const _: () =
    assert!(CONNECTIONS_FEW < CONNECTIONS_PER_PRINCIPAL_MAX && DISPLACED_AFTER_MS < STRANGER_MS_MAX);
const _: () = assert!(8 * CONNECTIONS_PER_PRINCIPAL_MAX < CONNECTIONS_MAX);
const _: () = assert!(GRPC_MESSAGE_BYTES_MAX <= UNREAD_BYTES_PER_STREAM_MAX);
const _: () = assert!(2 * UNREAD_BYTES_PER_STREAM_MAX <= UNREAD_BYTES_PER_PRINCIPAL_MAX);
const _: () = assert!(SUBMIT_ANSWER_BYTES > PAYLOAD_BYTES_MAX / 2 && ANSWER_BYTES < SUBMIT_ANSWER_BYTES);
const _: () = assert!(ENDING_MS_MAX < DRAIN_MS_MAX);
const _: () = assert!(DRAIN_MS_MAX < RELAY_STOP_MS_MAX);
