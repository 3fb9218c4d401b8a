//! The README of a new index: how to publish in it.

/// Its text.
pub(super) const README: &str = r#"# A cpm index

This repository lists packages for Claude Code. Who wants to install from it adds it once:

```sh
cpm index add NAME URL-OF-THIS-REPOSITORY
cpm install PACKAGE
```

## Publish a release

Push a tag such as `v1.2.0` to the repository of the plugin or skill. Then, in this folder:

```sh
cpm index add-release --git https://host/owner/repository --tag v1.2.0
cpm index check
git add . && git commit -m "Add PACKAGE 1.2.0" && git push
```

`--path FOLDER` takes a folder of that repository, `--name NAME` another name. The new line holds the commit and the
checksum of the bytes, so everybody who installs the release gets just these.

## Take a release back

```sh
cpm index yank PACKAGE VERSION --reason "loses settings"
cpm index yank PACKAGE VERSION --reason "steals tokens" --revoke
```

A yanked release is not chosen any more, but stays for those who have it locked. With `--revoke` nobody gets it.

## Rules

- A line is never removed or changed, but for `yanked` and `revoked`. A change of a package is a new version.
- The history of this repository is never rewritten: cpm stops at an index whose history does not go on from what it saw.
- Run `cpm index check` on every change, best in CI with the whole history (`fetch-depth: 0` for GitHub's checkout).
  `cpm index check --fetch` also fetches every release and compares its bytes.
"#;
