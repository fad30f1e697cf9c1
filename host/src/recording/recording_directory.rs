//! The directory of a login that is recorded.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::exchange::{DirectoryAnswer, DirectoryCall};
use crate::directory::{CheckedLink, Directory, MetadataUpdate, PairReading, Stored};
use crate::model::{ApiError, IdentityKey, User};

/// A directory that keeps its calls and answers.
pub(super) struct RecordingDirectory {
    inner: Arc<dyn Directory>,
    exchange: Exchange,
}

/// The calls and answers so far. A view of the directory for one login shares them.
pub(super) type Exchange = Arc<Mutex<Vec<(DirectoryCall, DirectoryAnswer)>>>;

impl RecordingDirectory {
    pub(super) fn wrap(inner: Arc<dyn Directory>) -> (Self, Exchange) {
        let exchange = Exchange::default();
        (Self { inner, exchange: exchange.clone() }, exchange)
    }

    fn keep<T: Clone>(
        &self,
        call: DirectoryCall,
        answer: Result<T, ApiError>,
        describe: impl FnOnce(T) -> DirectoryAnswer,
    ) -> Result<T, ApiError> {
        let answered = match &answer {
            Ok(answer) => describe(answer.clone()),
            Err(error) => DirectoryAnswer::Failed(error.clone()),
        };
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner).push((call, answered));
        answer
    }
}

impl Directory for RecordingDirectory {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        let answer = self.inner.find_by_email(email, limit);
        self.keep(
            DirectoryCall::FindByEmail { email: email.to_owned(), limit },
            answer,
            DirectoryAnswer::Users,
        )
    }

    fn ignores_case(&self) -> bool {
        self.inner.ignores_case()
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        let answer = self.inner.get(user_id);
        self.keep(DirectoryCall::Get { user_id: user_id.to_owned() }, answer, DirectoryAnswer::User)
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        let answer = self.inner.owner(identity);
        self.keep(DirectoryCall::for_owner(identity), answer, DirectoryAnswer::Owner)
    }

    /// Is recorded as a read of each user, as directories without a reading of their own answer.
    fn read_pair(&self, known: [&User; 2]) -> PairReading {
        let PairReading { users: [primary, secondary], place } = self.inner.read_pair(known);
        let keep = |user: &User, read| {
            self.keep(DirectoryCall::Get { user_id: user.user_id.clone() }, read, DirectoryAnswer::User)
        };
        PairReading { users: [keep(known[0], primary), keep(known[1], secondary)], place }
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        let answer = self.inner.link(link);
        self.keep(DirectoryCall::for_link(link), answer, DirectoryAnswer::Linked)
    }

    fn for_login(&self, time: Duration) -> Option<Arc<dyn Directory>> {
        let inner = self.inner.for_login(time)?;
        Some(Arc::new(Self { inner, exchange: self.exchange.clone() }))
    }

    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        let answer = self.inner.patch_metadata(update);
        self.keep(DirectoryCall::for_patch(update), answer, DirectoryAnswer::User)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::RecordingDirectory;
    use crate::ambient::Ambient;
    use crate::directory::{CheckedLink, Directory, Memory, MetadataUpdate, Stored};
    use crate::model::{ApiError, IdentityKey, User};

    /// A directory whose calls fail, unless they are those of a login.
    struct PerLogin(Memory);

    impl Directory for PerLogin {
        fn find_by_email(&self, _: &str, _: usize) -> Result<Vec<Stored>, ApiError> {
            Err(ApiError::TimedOut)
        }

        fn get(&self, _: &str) -> Result<Stored, ApiError> {
            Err(ApiError::TimedOut)
        }

        fn owner(&self, _: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
            Err(ApiError::TimedOut)
        }

        fn link(&self, _: &CheckedLink) -> Result<Arc<User>, ApiError> {
            Err(ApiError::TimedOut)
        }

        fn patch_metadata(&self, _: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
            Err(ApiError::TimedOut)
        }

        fn for_login(&self, _: Duration) -> Option<Arc<dyn Directory>> {
            Some(Arc::new(self.0.clone()))
        }
    }

    /// Several policies of a login have a view each, and the host reads the directory itself.
    #[test]
    fn the_views_of_a_login_are_recorded_in_one_exchange() {
        let memory = Memory::new(&Ambient::system());
        let (directory, exchange) = RecordingDirectory::wrap(Arc::new(PerLogin(memory)));
        let views = [(); 2].map(|()| directory.for_login(Duration::from_secs(1)).unwrap());
        for directory in [&*views[0], &*views[1], &directory] {
            let _ = directory.find_by_email("ada@example.com", 1);
        }
        let answers: Vec<String> =
            exchange.lock().unwrap().iter().map(|(_, answered)| format!("{answered:?}")).collect();
        assert_eq!(answers, ["Users([])", "Users([])", "Failed(TimedOut)"]);
    }
}
