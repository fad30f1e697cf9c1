//! Pages that people log in on, and the forms they send.

pub(super) mod connections_page;
pub(super) mod dev_login;
mod errand_forms;
mod linking_forms;
pub(super) mod login_form;
pub(super) mod login_forms;
pub(super) mod login_links;
pub(super) mod login_pages;
pub(super) mod mailed_links;
pub(super) mod outbox_page;
pub(super) mod page_view;
pub(super) mod second_factor;
pub(super) mod start_page;
pub(super) mod tickets;
mod verification_mails;
