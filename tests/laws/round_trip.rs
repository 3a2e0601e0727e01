//! L3 over a round trip, and between processes.

use std::process::Command;

use leafhold::leaf::{Generation, live_future, release, value};

use crate::engine::{Source, frame, frame_of, numbers};

#[test]
fn law_l3_a_generation_survives_a_round_trip_and_means_the_same_instance() {
    let source = Source::rows("k", &numbers(0..2));
    let before = frame([&source]);
    let handle = source.handle();
    let written = serde_json::to_string(&handle.generation()).unwrap();
    drop(handle);
    let read: Generation = serde_json::from_str(&written).unwrap();
    let back = live_future(read).expect("the frame holds it");
    let leaf = leafhold::leaf::FromDelayed::new("t", crate::engine::schema(), vec![back]).unwrap();
    let after = frame_of(leaf);
    assert_eq!(before.token(), after.token());
    drop((before, after));
    assert_eq!(source.releases(), 1, "the registry has kept nothing");
    assert_eq!(live_future(read), None);
    // The engine's word comes back, and means something else.
    let again = source.handle();
    assert_eq!(live_future(read), None);
    assert_ne!(again.generation(), read);
}

#[test]
fn law_l3_two_processes_never_share_a_generation() {
    const CHILD: &str = "LEAFHOLD_TEST_GENERATIONS";
    let written: Vec<String> =
        (0..8).map(|at| serde_json::to_string(&value(format!("{at}"), vec![]).generation()).unwrap()).collect();
    if std::env::var_os(CHILD).is_some() {
        println!("{CHILD} {}", written.join(" "));
        return;
    }
    let mut seen = written;
    for _ in 0..3 {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "round_trip::law_l3_two_processes_never_share_a_generation", "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let text = String::from_utf8(child.stdout).unwrap();
        let line = text.lines().find_map(|line| line.split_once(CHILD)).expect("the child says what it met");
        let theirs: Vec<String> = line.1.split_whitespace().map(str::to_owned).collect();
        assert_eq!(theirs.len(), 8);
        for generation in theirs {
            assert!(!seen.contains(&generation));
            // What another process wrote is nobody's here, even where the counter is the same.
            assert_eq!(live_future(serde_json::from_str(&generation).unwrap()), None);
            seen.push(generation);
        }
    }
    release::drain();
}

#[test]
fn a_generation_has_one_written_form() {
    let generation = value("k", vec![]).generation();
    let text = generation.to_string();
    assert_eq!(text.parse::<Generation>(), Ok(generation));
    for bad in ["", "-", "1-1", "+0000000000000000000000000000000-1", &format!("{text}0x"), &text.to_uppercase()] {
        let read = bad.parse::<Generation>();
        assert!(read.is_err() || bad == text, "{bad:?} was read as {read:?}");
    }
    let error = serde_json::from_str::<Generation>("\"seven\"").unwrap_err().to_string();
    assert!(error.starts_with("\"seven\" is no generation of a future"), "{error}");
}
