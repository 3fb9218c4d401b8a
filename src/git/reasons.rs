//! The phrases by which git's failures are told apart, as data.

use crate::error::Kind;

/// A reason that git gives.
pub(super) struct Rule {
    /// In lower case, quoted parts as `''`.
    pub(super) phrases: &'static [&'static str],
    pub(super) kind: Kind,
    pub(super) message: &'static str,
    pub(super) help: Help,
    pub(super) retry: Retry,
}

/// Whether asking again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    No,
    Soon,
}

/// What git says when its own repository is not as it left it; the server has no part in that.
pub(super) const LOCAL_DAMAGE: &[&str] = &["not a git repository: ''", "reference broken"];

const BROKE_OFF: &str = "the connection broke off, or the data was damaged on the way";

/// What to do about it.
#[derive(Clone, Copy)]
pub(super) enum Help {
    Text(&'static str),
    /// How to give git access, by transport.
    Credentials,
}

/// The first that fits counts, so what is told precisely stands above what git says about any failure.
pub(super) const RULES: &[Rule] = &[
    Rule {
        phrases: &["fsck error", "fsck_objects", "error in tag object", "invalid path"],
        kind: Kind::UnsafeTree,
        message: "the repository holds objects that git refuses as malformed or dangerous",
        help: Help::Text("tell its owner; `git fsck` in the repository names the objects"),
        retry: Retry::No,
    },
    Rule {
        phrases: &[
            "no space left on device",
            "disk quota exceeded",
            "read-only file system",
            "unable to create temporary file",
            "insufficient permission for adding an object",
            "unable to create ''",
            "cannot lock ref",
            "could not open '' for writing",
        ],
        kind: Kind::FileSystem,
        message: "git could not write to the cache",
        help: Help::Text("make room or mend the permissions, or name another folder in `CPM_CACHE_DIR`"),
        retry: Retry::No,
    },
    Rule {
        phrases: &["bad config", "bad numeric config", "bad boolean config", "unable to read config"],
        kind: Kind::Usage,
        message: super::UNREADABLE_CONFIG,
        help: Help::Text(super::CONFIG_HELP),
        retry: Retry::No,
    },
    Rule {
        phrases: &["detected dubious ownership"],
        kind: Kind::Policy,
        message: "git does not read a repository that belongs to another user",
        help: Help::Text("if you trust it, add its folder with `git config --global --add safe.directory FOLDER`"),
        retry: Retry::No,
    },
    Rule {
        phrases: &["transport '' not allowed"],
        kind: Kind::Policy,
        message: "your git configuration leads this address to a transport that cpm does not use",
        help: Help::Text("look for `insteadOf` in `git config --list`"),
        retry: Retry::No,
    },
    Rule {
        phrases: &["mismatched algorithms", "unknown object format", "object-format"],
        kind: Kind::NotFound,
        message: super::SHA256_UNREADABLE,
        help: Help::Text(super::SHA256_HELP),
        retry: Retry::No,
    },
    Rule {
        phrases: &[
            "returned error: 301",
            "returned error: 302",
            "returned error: 303",
            "returned error: 307",
            "returned error: 308",
            "unable to update url base from redirection",
        ],
        kind: Kind::Network,
        message: "the repository has moved, and cpm does not follow",
        help: Help::Text("open the address in a browser and use the one it leads to, if you trust it"),
        retry: Retry::No,
    },
    Rule {
        phrases: &["couldn't find remote ref"],
        kind: Kind::NotFound,
        message: "the repository has no such branch or tag",
        help: Help::Text("`git ls-remote` with this address lists what there is"),
        retry: Retry::No,
    },
    Rule {
        phrases: &["host key verification failed", "remote host identification has changed"],
        kind: Kind::Network,
        message: "ssh does not know the key of the host, or the key has changed",
        help: Help::Text("connect once with `ssh`, compare the key with the one the host publishes, and run again"),
        retry: Retry::No,
    },
    Rule {
        phrases: &[
            "permission denied (",
            "could not read username",
            "could not read password",
            "unable to get password",
            "terminal prompts disabled",
            "authentication failed",
            "returned error: 401",
            "returned error: 403",
            "returned error: 407",
            "too many authentication failures",
        ],
        kind: Kind::Network,
        message: "the host refused access",
        help: Help::Credentials,
        retry: Retry::No,
    },
    Rule {
        phrases: &[
            "repository not found",
            "repository '' not found",
            "does not appear to be a git repository",
            "returned error: 404",
            "returned error: 410",
            "could not be found",
            "does not exist",
        ],
        kind: Kind::NotFound,
        message: "there is no such repository, or it does not show itself to you",
        help: Help::Credentials,
        retry: Retry::No,
    },
    Rule {
        phrases: &["returned error: 429", "returned error: 5", "too many requests", "rate limit"],
        kind: Kind::Network,
        message: "the host is overloaded or out of order",
        help: Help::Text("try again in a while"),
        retry: Retry::Soon,
    },
    Rule {
        phrases: &["too slow"],
        kind: Kind::Network,
        message: "the host sends too slowly",
        help: Help::Text(
            "try again on a better line, or give it more seconds in the variable `GIT_HTTP_LOW_SPEED_TIME`",
        ),
        retry: Retry::No,
    },
    Rule {
        phrases: &[
            "could not resolve",
            "connection refused",
            "connection reset",
            "connection closed",
            "couldn't connect",
            "could not connect",
            "failed to connect",
            "timed out",
            "timeout",
            "network is unreachable",
            "no route to host",
        ],
        kind: Kind::Network,
        message: "the host cannot be reached",
        help: Help::Text("check the address, the network and the proxy, or run with `--offline` if the cache has it"),
        retry: Retry::Soon,
    },
    Rule {
        phrases: &["certificate", "gnutls", "ssl_", "ssl ", "tls "],
        kind: Kind::Network,
        message: "no secure connection to the host",
        help: Help::Text(
            "check the clock and the certificates of this machine (`http.sslCAInfo` for an own authority)",
        ),
        retry: Retry::No,
    },
    Rule {
        phrases: &["did not send all necessary objects"],
        kind: Kind::Integrity,
        message: "the server did not send the objects that were asked for",
        help: Help::Text("nothing of it was kept; tell the owner of the host, and do not install from it meanwhile"),
        retry: Retry::No,
    },
    Rule {
        // What is left of a cut answer is no protocol any more, and git says that too.
        phrases: &["transfer closed with", "of body are still expected", "unexpected disconnect"],
        kind: Kind::Network,
        message: BROKE_OFF,
        help: Help::Text("try again"),
        retry: Retry::Soon,
    },
    Rule {
        phrases: &[
            "is this a git repository",
            "invalid server response",
            "invalid response",
            "dumb http transport",
            "protocol error",
            "bad line length",
        ],
        kind: Kind::Network,
        message: "the host did not answer as a git server does",
        help: Help::Text("check the address; a login page or a proxy may stand in between"),
        retry: Retry::No,
    },
    Rule {
        phrases: &[
            "early eof",
            "rpc failed",
            "hung up unexpectedly",
            "index-pack failed",
            "invalid index-pack output",
            "inflate",
            "bad object",
            "corrupt",
        ],
        kind: Kind::Network,
        message: BROKE_OFF,
        help: Help::Text("try again"),
        retry: Retry::Soon,
    },
];
