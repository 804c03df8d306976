//! The `Dockerfile`, as far as it says what an image holds and runs.

use crate::sources;

/// The image of Meridian.
#[derive(Debug)]
pub(super) struct Image {
    /// Instructions with what follows them, lines put together; of all stages.
    instructions: Vec<(String, String)>,
    pub(super) entrypoint: Vec<String>,
    command: Vec<String>,
    /// User and group, by number.
    pub(super) user: String,
    /// The folder that outlives the container.
    pub(super) volume: String,
    /// The port numbers with their transports.
    pub(super) exposed: Vec<String>,
}

impl Image {
    pub(super) fn read() -> Self {
        let text = sources::read("Dockerfile");
        let without_comments: Vec<&str> =
            text.lines().filter(|line| !line.starts_with('#')).collect();
        let joined = without_comments.join("\n").replace("\\\n", " ");
        let instructions: Vec<(String, String)> = joined
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| line.split_once(' ').unwrap())
            .map(|(name, rest)| {
                (name.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" "))
            })
            .collect();
        let last = |name: &str| {
            let found = instructions.iter().rev().find(|(of, _)| of == name);
            found.unwrap_or_else(|| panic!("Dockerfile: no {name}")).1.clone()
        };
        let list = |text: &str| serde_json::from_str::<Vec<String>>(text).unwrap();
        let entrypoint = list(&last("ENTRYPOINT"));
        let command = list(&last("CMD"));
        let exposed = last("EXPOSE").split(' ').map(str::to_owned).collect();
        let (user, volume) = (last("USER"), last("VOLUME"));
        Self { entrypoint, command, user, volume, exposed, instructions }
    }

    /// What runs if nobody says otherwise.
    pub(super) fn words(&self) -> Vec<String> {
        self.entrypoint.iter().chain(&self.command).cloned().collect()
    }

    /// What follows an instruction, wherever it stands.
    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.instructions.iter().filter(move |(of, _)| of == name).map(|(_, rest)| rest.as_str())
    }

    /// What is copied from the repository into the last stage: from, to.
    pub(super) fn copied(&self) -> Vec<(&str, &str)> {
        let last = self.instructions.iter().rposition(|(name, _)| name == "FROM").unwrap();
        let of_last = self.instructions[last..].iter().filter(|(name, _)| name == "COPY");
        of_last.map(|(_, rest)| rest.split_once(' ').unwrap()).collect()
    }
}

#[test]
fn it_builds_what_is_there_with_a_compiler_that_is_new_enough() {
    let image = Image::read();
    let bases: Vec<&str> = image.all("FROM").collect();
    let manifest = sources::read("Cargo.toml");
    let wanted = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    let wanted = format!("rust:{}-", wanted.trim_matches('"'));
    assert!(bases[0].starts_with(&wanted), "{} for {wanted}", bases[0]);
    // The program is linked to the C library of the one and runs with that of the other.
    let system = |base: &str| base.contains("bookworm");
    assert!(bases.len() == 2 && bases.iter().all(|base| system(base)), "{bases:?}");
    assert!(bases[1].ends_with("-slim"), "{bases:?}");

    let ignored = sources::read(".dockerignore");
    for copy in image.all("COPY") {
        let words: Vec<&str> = copy.split(' ').collect();
        for source in &words[..words.len() - 1] {
            assert!(sources::top().join(source).exists(), "COPY {copy}");
            assert!(!ignored.lines().any(|line| line == *source), "COPY {copy}");
        }
    }
    // All that the sources take in at compile time, and all targets that the manifest names.
    let build: Vec<&str> = image.all("COPY").flat_map(|copy| copy.split(' ')).collect();
    for needed in ["Cargo.toml", "Cargo.lock", "src", "benches", "zones", "geoip"] {
        assert!(build.contains(&needed), "{needed} is not copied");
    }
}

#[test]
fn it_runs_as_nobody_special_who_may_listen_at_port_53() {
    let image = Image::read();
    let numbers: Vec<u32> = image.user.split(':').map(|number| number.parse().unwrap()).collect();
    assert!(numbers.len() == 2 && numbers.iter().all(|number| *number > 0), "{}", image.user);
    let steps: Vec<&str> = image.all("RUN").collect();
    let grants = "setcap cap_net_bind_service=+ep /usr/local/bin/meridian";
    // Where the file is put: what is copied on may lose it.
    let grant = steps.iter().find(|step| step.contains(grants)).unwrap();
    assert!(grant.contains("install /built/meridian /usr/local/bin/meridian &&"), "{grant}");
    assert_eq!(image.entrypoint, ["meridian"]);

    let environment: Vec<&str> = image.all("ENV").collect();
    assert_eq!(environment, [format!("STATE_DIRECTORY={}", image.volume)]);
    let (user, group) = image.user.split_once(':').unwrap();
    let folder = format!("install -d -o {user} -g {group} -m 0700 {}", image.volume);
    assert!(steps.contains(&folder.as_str()), "{steps:?}");
}
