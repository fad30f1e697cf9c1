//! Pages that people log in on, and the forms they send.

pub(super) mod dev_login;
pub(super) mod html;
pub(super) mod login_page;
pub(super) mod outbox_page;
pub(super) mod pages;
pub(super) mod start_page;
pub(super) mod steps;
pub(super) mod tickets;
