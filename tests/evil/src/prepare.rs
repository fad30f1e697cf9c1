//! Attacks of a plugin that is asked to read its policy document. The document names the attack.

use crate::Evil;
use crate::bindings::PreparedSettings;
use crate::bindings::ligature::login::users;

impl PreparedSettings for Evil {
    fn prepare(settings: String) -> Result<(), String> {
        let named = |attack: &str| settings.contains(attack);
        if named("call-the-host") {
            users::ignores_case();
        } else if named("write-a-line") {
            eprintln!("before any login");
        } else if named("endless-loop") {
            loop {
                std::hint::black_box(());
            }
        } else if named("fill-the-memory") {
            let mut hoard = Vec::new();
            while hoard.len() < 14 {
                hoard.push(vec![1_u8; 1 << 20]);
            }
            std::mem::forget(hoard);
        } else if named("scatter-bytes") {
            let mut scattered = vec![0_u8; 4 << 20];
            scattered.iter_mut().step_by(2).for_each(|byte| *byte = 1);
            std::mem::forget(scattered);
        } else if named("panic") {
            panic!("boom on purpose");
        } else if named("refuse") {
            return Err("it does not feel like it".to_owned());
        }
        Ok(())
    }
}
