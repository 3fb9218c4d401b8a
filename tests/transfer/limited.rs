//! Servers that lack something: older ones, and hosts that switch things off. What is installed is the same.

use crate::support::http::{Fault, Question, Rule, Server};
use crate::support::{Repo, World, skill};

const SKILL: &str = ".claude/skills/pdf/SKILL.md";

/// Installs, installs again from the lock what is no longer at the head, and updates; on a server made poorer by
/// `limit`.
fn works(limit: impl Fn(&Repo, &Server)) {
    let world = World::in_git();
    let files = [("skills/pdf/SKILL.md", skill("pdf", "one")), ("skills/other/SKILL.md", skill("other", "x"))];
    let repo = Repo::new(&world, "skills", &files.each_ref().map(|(path, text)| (*path, text.as_str())));
    repo.commit(&[("skills/other/SKILL.md", &skill("other", "y"))]);
    let server = Server::start(&world.path("repos"));
    limit(&repo, &server);
    world.ok(&["install", "--git", &server.url("skills"), "--path", "skills/pdf"]);
    assert_eq!(world.read(SKILL), skill("pdf", "one"));
    repo.commit(&[("skills/pdf/SKILL.md", &skill("pdf", "two"))]);
    world.check_out_anew();
    world.empty_cache();
    world.ok(&["install", "--locked"]);
    assert_eq!(world.read(SKILL), skill("pdf", "one"));
    world.ok(&["update"]);
    assert_eq!(world.read(SKILL), skill("pdf", "two"));
    assert_eq!(world.locked("pdf")["commit"], repo.head());
}

fn configured(settings: &[(&str, &str)]) {
    works(|repo, _| settings.iter().for_each(|(name, value)| _ = repo.git(&["config", name, value])));
}

#[test]
fn a_server_may_know_no_filters() {
    configured(&[("uploadpack.allowFilter", "false")]);
}

#[test]
fn a_server_may_refuse_to_leave_out_trees() {
    configured(&[("uploadpackfilter.tree.allow", "false")]);
    configured(&[("uploadpackfilter.tree.maxDepth", "0")]);
}

#[test]
fn a_server_may_refuse_filters_that_are_made_of_others() {
    configured(&[("uploadpackfilter.combine.allow", "false")]);
}

#[test]
fn a_server_may_refuse_every_filter_that_it_claims_to_know() {
    configured(&[("uploadpackfilter.allow", "false")]);
}

#[test]
fn a_server_may_give_no_objects_by_id() {
    works(|_, server| server.inject(Rule::new(Fault::OnlyTips).on(Question::Objects)));
}

#[test]
fn a_server_may_speak_the_old_protocol() {
    works(|_, server| server.inject(Rule::new(Fault::OldProtocol)));
}

#[test]
fn a_server_of_the_old_protocol_may_give_nothing_by_id_and_know_no_filters() {
    for filters in ["true", "false"] {
        works(|repo, server| {
            repo.git(&["config", "uploadpack.allowAnySHA1InWant", "false"]);
            repo.git(&["config", "uploadpack.allowFilter", filters]);
            server.inject(Rule::new(Fault::OldProtocol));
        });
    }
}

#[test]
fn a_server_of_the_old_protocol_may_have_thousands_of_tags() {
    works(|repo, server| {
        repo.tag_often(5_000);
        server.inject(Rule::new(Fault::OldProtocol));
    });
}
