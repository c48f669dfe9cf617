//! The directory of documents' files: a file that no record refers to is set aside, brought back when it is needed, and finally
//! removed, while other processes upload.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use actix_web::http::Method;
use pairing_tracker::config::FileStore;
use pairing_tracker::resources::documents::sweep::{IN_FLIGHT, SET_ASIDE_FOR, Swept, sweep};
use serde_json::json;
use tempfile::TempDir;

use crate::common::records::create;
use crate::common::{Client, Database, on_each};

const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const OTHER: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The application with a directory of files.
fn service(database: &Database) -> (TempDir, Client) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().to_owned();
    let client = database.client_with(|settings| settings.files = FileStore::Directory(path));
    (directory, client)
}

async fn attach(client: &Client, code: &str) {
    let document = json!({ "code": code, "title": { "zh": "会议纪要" }, "kind": "minutes" });
    create(client, "documents", document).await;
    let path = format!("documents/{code}/content");
    let headers = [("Content-Type", "text/plain")];
    client.send_bytes(Method::PUT, &path, &headers, Some(b"abc".to_vec())).await.expect(200);
}

fn names(directory: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(directory.path()).expect("the directory is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Sets the age of a file.
fn age(path: &Path, age: Duration) {
    let file = File::options().append(true).open(path).expect("the file is there");
    file.set_modified(SystemTime::now() - age).expect("its time is set");
}

/// Sweeps the directory at this time from now.
async fn swept(client: &Client, directory: &TempDir, later: Duration) -> Swept {
    sweep(&client.state.store, directory.path(), SystemTime::now() + later).await.expect("it is swept")
}

#[test]
fn an_unreferenced_file_is_set_aside_and_removed_later() {
    on_each(|database| async move {
        let (directory, client) = service(&database);
        attach(&client, "minutes").await;
        assert_eq!(swept(&client, &directory, IN_FLIGHT * 2).await, Swept::default(), "a record refers to it");
        client.delete("documents/minutes").await.expect(204);
        assert_eq!(swept(&client, &directory, Duration::ZERO).await, Swept::default(), "a record may be on its way");
        assert_eq!(names(&directory), [ABC]);
        assert_eq!(swept(&client, &directory, IN_FLIGHT).await, Swept { set_aside: 1, ..Swept::default() });
        assert_eq!(names(&directory), [format!("{ABC}.unreferenced")]);
        let soon = SET_ASIDE_FOR - Duration::from_secs(60);
        assert_eq!(swept(&client, &directory, soon).await, Swept::default());
        assert_eq!(
            swept(&client, &directory, IN_FLIGHT + SET_ASIDE_FOR).await,
            Swept { removed: 1, ..Swept::default() }
        );
        assert_eq!(names(&directory), [""; 0]);
    });
}

#[test]
fn a_file_that_was_set_aside_is_restored_when_it_is_needed() {
    on_each(|database| async move {
        let (directory, client) = service(&database);
        attach(&client, "minutes").await;
        // The file was set aside by a sweep over another database, or an older one, that does not hold the record.
        let aside = directory.path().join(format!("{ABC}.unreferenced"));
        fs::rename(directory.path().join(ABC), &aside).expect("it is renamed");
        assert_eq!(client.get("documents/minutes/content").await.expect(200).bytes, b"abc");
        age(&aside, SET_ASIDE_FOR * 2);
        assert_eq!(swept(&client, &directory, Duration::ZERO).await, Swept { restored: 1, ..Swept::default() });
        assert_eq!(names(&directory), [ABC]);
        assert_eq!(client.get("documents/minutes/content").await.expect(200).bytes, b"abc");
        // Attached again while a copy is set aside: the copy is removed later, the file stays.
        fs::copy(directory.path().join(ABC), &aside).expect("it is copied");
        age(&aside, SET_ASIDE_FOR * 2);
        assert_eq!(swept(&client, &directory, Duration::ZERO).await, Swept { removed: 1, ..Swept::default() });
        assert_eq!(client.get("documents/minutes/content").await.expect(200).bytes, b"abc");
    });
}

#[test]
fn leftovers_of_aborted_uploads_are_removed_and_nothing_else() {
    on_each(|database| async move {
        let (directory, client) = service(&database);
        attach(&client, "minutes").await;
        let write = |name: &str, days: u32| {
            let path = directory.path().join(name);
            fs::write(&path, "half").expect("the file is written");
            age(&path, Duration::from_secs(24 * 60 * 60) * days);
        };
        write(&format!("{OTHER}.part"), 2);
        write(&format!("{OTHER}Xk3f9a.part"), 2);
        write(&format!("{OTHER}Qm77zz.part"), 0);
        for foreign in ["README.txt", "backup.part", &OTHER[1..], &format!("{OTHER}.bak"), &ABC.to_uppercase()] {
            write(foreign, 400);
        }
        fs::create_dir(directory.path().join("lost+found")).expect("a directory");
        let before = names(&directory).len();
        assert_eq!(swept(&client, &directory, Duration::ZERO).await, Swept { parts: 2, ..Swept::default() });
        assert_eq!(names(&directory).len(), before - 2);
        assert!(names(&directory).contains(&format!("{OTHER}Qm77zz.part")));
    });
}

#[test]
fn concurrent_uploads_and_sweeps_lose_no_file() {
    on_each(|database| async move {
        let (directory, client) = service(&database);
        for round in 0..20 {
            let code = format!("minutes-{round}");
            attach(&client, &code).await;
            client.delete(&format!("documents/{code}")).await.expect(204);
            // The file is old enough to be set aside while the next upload uses it.
            let file = directory.path().join(ABC);
            if file.exists() {
                age(&file, IN_FLIGHT * 2);
            }
            let sweeps = async {
                for _ in 0..5 {
                    swept(&client, &directory, Duration::ZERO).await;
                }
            };
            let again = format!("again-{round}");
            tokio::join!(attach(&client, &again), sweeps);
            let path = format!("documents/{again}/content");
            assert_eq!(client.get(&path).await.expect(200).bytes, b"abc", "round {round}");
            client.delete(&format!("documents/{again}")).await.expect(204);
        }
    });
}
