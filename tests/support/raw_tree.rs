//! Trees that git would not make: entries written byte for byte into a repository that is served all the same.

use git2::{ObjectType, Oid, Repository};

use super::{Repo, World};

/// One entry: mode, name and object.
pub type Entry<'a> = (&'a str, &'a [u8], Oid);

/// A repository whose next head is made of raw entries.
pub struct RawRepo {
    repo: Repo,
    objects: Repository,
}

impl RawRepo {
    pub fn new(world: &World, name: &str) -> Self {
        let repo = Repo::new(world, name, &[]);
        let objects = Repository::open(repo.dir()).expect("a repository");
        RawRepo { repo, objects }
    }

    pub fn url(&self) -> String {
        self.repo.url()
    }

    pub fn blob(&self, bytes: impl AsRef<[u8]>) -> Oid {
        self.objects.blob(bytes.as_ref()).expect("a blob")
    }

    /// A blob of this many zeros, which packs into a thousandth.
    pub fn zeros(&self, bytes: u64) -> Oid {
        let path = self.repo.dir().join(".git/zeros");
        let file = std::fs::File::create(&path).expect("a file");
        file.set_len(bytes).expect("a length");
        let id = self.repo.git(&["hash-object", "-w", &path.display().to_string()]);
        std::fs::remove_file(path).expect("removed");
        Oid::from_str(&id).expect("an id")
    }

    /// A tree with exactly these entries in this order.
    pub fn tree(&self, entries: &[Entry<'_>]) -> Oid {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_bytes());
        }
        self.objects.odb().expect("objects").write(ObjectType::Tree, &bytes).expect("a tree")
    }

    /// Makes a tree the one of the newest commit of `main`.
    pub fn serve(&self, tree: Oid) -> String {
        let parent = self.repo.head();
        let commit = self.repo.git(&["commit-tree", "-m", "raw", "-p", &parent, &tree.to_string()]);
        self.repo.git(&["update-ref", "refs/heads/main", &commit]);
        commit
    }
}
