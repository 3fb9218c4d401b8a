use super::*;

fn read(body: &str) -> Result<RegistryServer> {
    parse(format!(r#"{{"name":"io.example/srv","version":"1.2.0",{body}}}"#).as_bytes(), "server.json")
}

/// The entry of a server.json with one package, without its `type`.
fn entry(package: &str) -> Value {
    let mut entry = read(&format!(r#""packages":[{package}]"#)).expect("a server").entry.json;
    entry.remove("type");
    entry.into()
}

fn npm(more: &str) -> String {
    format!(r#"{{"registryType":"npm","identifier":"@o/srv","version":"1.2.0","transport":{{"type":"stdio"}}{more}}}"#)
}

#[test]
fn each_kind_of_package_has_its_command() {
    let of = |kind: &str, identifier: &str, version: &str| {
        let version = if version.is_empty() { String::new() } else { format!(r#""version":"{version}","#) };
        let transport = r#""transport":{"type":"stdio"},"packageArguments":[{"type":"positional","value":"go"}]"#;
        entry(&format!(r#"{{"registryType":"{kind}","identifier":"{identifier}",{version}{transport}}}"#))
    };
    let digest = format!("ghcr.io/o/srv@sha256:{}", "a".repeat(64));
    assert_eq!(of("npm", "@o/srv", "1.2.0"), json!({"command":"npx","args":["-y","@o/srv@1.2.0","go"]}));
    assert_eq!(of("pypi", "srv", "1.2"), json!({"command":"uvx","args":["--from","srv==1.2","srv","go"]}));
    assert_eq!(of("nuget", "O.Srv", "1.2.0"), json!({"command":"dnx","args":["O.Srv@1.2.0","--yes","--","go"]}));
    assert_eq!(of("oci", &digest, ""), json!({"command":"docker","args":["run","-i","--rm",digest,"go"]}));
    assert_eq!(
        of("oci", "localhost:5000/srv", "1.2.0"),
        json!({"command":"docker","args":["run","-i","--rm","localhost:5000/srv:1.2.0","go"]})
    );
}

#[test]
fn inputs_become_values_defaults_or_references() {
    let made = entry(&npm(r#","packageArguments":[
            {"type":"named","name":"--port","default":"80"},
            {"type":"named","name":"--verbose","value":""},
            {"type":"named","name":"--left-out"},
            {"type":"positional","valueHint":"project-dir","isRequired":true},
            {"type":"positional","value":"https://{host}/x{other}","variables":{"host":{"isRequired":true}}}],
        "environmentVariables":[
            {"name":"FIXED","value":"1"},{"name":"LEVEL","default":"info"},{"name":"OPTIONAL"},
            {"name":"NEEDED","isRequired":true},{"name":"API_KEY","isSecret":true,"isRequired":true,"default":"hunter2"},
            {"name":"AUTH","isSecret":true,"value":"hunter2"}]"#));
    let args = ["-y", "@o/srv@1.2.0", "--port", "80", "--verbose", "${PROJECT_DIR}", "https://${HOST}/x{other}"];
    let env = json!({
        "FIXED": "1", "LEVEL": "${LEVEL:-info}", "NEEDED": "${NEEDED}", "API_KEY": "${API_KEY}", "AUTH": "${AUTH}",
    });
    assert_eq!(made, json!({"command": "npx", "args": args, "env": env}));
}

#[test]
fn a_remote_server_gets_its_address_and_headers() {
    let server = read(
        r#""remotes":[{"type":"streamable-http","url":"https://{tenant}.example.com/mcp",
            "variables":{"tenant":{"default":"eu"}},
            "headers":[{"name":"Authorization","value":"Bearer {token}","isSecret":true,
                        "variables":{"token":{"isRequired":true,"isSecret":true}}},
                       {"name":"X-Api-Key","isRequired":true,"isSecret":true},{"name":"X-Optional"}]}]"#,
    )
    .expect("a server");
    let headers = json!({"Authorization": "Bearer ${TOKEN}", "X-Api-Key": "${X_API_KEY}"});
    let wanted = json!({"type": "http", "url": "https://eu.example.com/mcp", "headers": headers});
    assert_eq!((server.key.as_str(), Value::from(server.entry.json)), ("srv", wanted));
}

#[test]
fn an_exact_version_comes_before_a_remote_and_that_before_the_rest() {
    let loose = npm("").replace("1.2.0", "latest");
    let remote = r#""remotes":[{"type":"sse","url":"https://example.com/sse"}]"#;
    let command = |body: &str| {
        let server = read(body).expect("a server");
        (server.entry.json["type"].as_str().expect("a type").to_owned(), server.unpinned)
    };
    assert_eq!(command(&format!(r#""packages":[{loose},{}],{remote}"#, npm(""))), ("stdio".to_owned(), None));
    assert_eq!(command(&format!(r#""packages":[{loose}],{remote}"#)), ("sse".to_owned(), None));
    let unpinned = Some("@o/srv@latest".to_owned());
    assert_eq!(command(&format!(r#""packages":[{loose}]"#)), ("stdio".to_owned(), unpinned));
    for (identifier, version) in [("ghcr.io/o/srv:1.2.0", ""), ("ghcr.io/o/srv", r#""version":"1.2.0","#)] {
        let image = format!(r#""registryType":"oci","identifier":"{identifier}",{version}"#);
        let (_, unpinned) = command(&format!(r#""packages":[{{{image}"transport":{{"type":"stdio"}}}}]"#));
        assert_eq!(unpinned.as_deref(), Some("ghcr.io/o/srv:1.2.0"), "a tag can be moved");
    }
}

#[test]
fn what_cannot_be_expressed_says_why() {
    for (package, needle) in [
        (npm("").replace("npm", "cargo"), "installing it first"),
        (npm("").replace("npm", "mcpb"), "installing it first"),
        (npm("").replace("stdio", "sse"), "started by itself"),
        (npm(r#","runtimeHint":"sh""#), "`sh`"),
        (npm(r#","registryBaseUrl":"https://evil.example""#), "not the public registry"),
        (npm("").replace("@o/srv", "--package=evil"), "none of that registry"),
        (npm("").replace("@o/srv", "git+https://h/x"), "none of that registry"),
        (npm(r#","environmentVariables":[{"name":"A B","value":"1"}]"#), "`A B`"),
        (npm(r#","environmentVariables":[{"name":"A","value":"1","choices":["2"]}]"#), "choices"),
        (r#"{"registry_type":"npm","identifier":"x"}"#.to_owned(), "September 2025"),
        (r#"{"registryType":"npm"}"#.to_owned(), "not valid"),
    ] {
        let error = read(&format!(r#""packages":[{package}]"#)).expect_err(&package);
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(format!("{error:?}").contains(needle), "{needle}: {error:?}");
        let beside = read(&format!(r#""packages":[{package},{}]"#, npm(""))).expect("the other one");
        assert!(beside.notes.iter().any(|note| note.contains(needle)), "{:?}", beside.notes);
    }
    for bad in
        ["{}", r#"{"name":"a/b/c","version":"1"}"#, r#"{"name":"a/b","version":1}"#, r#"{"name":"a/","version":"1"}"#]
    {
        assert_eq!(parse(bad.as_bytes(), "server.json").expect_err(bad).kind(), Kind::Invalid);
    }
}

#[test]
fn other_files_of_that_name_are_told_apart() {
    assert!(is_one(br#"{"name":"io.example/srv","remotes":[]}"#));
    for other in [&br#"{"name":"srv","packages":[]}"#[..], br#"{"name":"a/b"}"#, b"[]", b"port = 80"] {
        assert!(!is_one(other));
    }
}
