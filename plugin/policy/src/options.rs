//! The values of the options that have a fixed list of them.

choice! {
    /// A set of values that replaces the defaults.
    Preset {
        /// The behaviour of Auth0's withdrawn rule "link users by email": both addresses
        /// verified, the existing account stays, several candidates fail the
        /// login. It removes nearly every protection; `ligature policy check`
        /// lists them.
        Auth0Rule "auth0-rule",
        /// The same, and both metadata are merged as that variant meant to:
        /// deeply, the primary's value wins, arrays are joined.
        Auth0RuleWithMetadata "auth0-rule-with-metadata",
        /// Always asks, and counts only a mailbox that is proved at this login.
        Strict "strict",
    }
}

choice! {
    /// The action of the policy when two accounts may be linked.
    Mode {
        /// Does nothing: every login continues unchanged.
        Off "off",
        /// Reports what `auto` would do, and links nothing.
        Observe "observe",
        /// Asks the user to log in to the other account too.
        Suggest "suggest",
        /// Links.
        Auto "auto",
        /// Asks, and denies the login of a user who declines.
        Required "required",
    }
}

choice! {
    /// The verification that a link needs.
    RequireVerified {
        /// Both addresses are verified.
        Both "both",
        /// Both addresses are verified, and this login itself has proved the mailbox
        /// (a code or a link by e-mail); otherwise, the user is asked.
        FreshMailboxProof "fresh_mailbox_proof",
    }
}

choice! {
    /// The comparison of addresses. At most ASCII case is ignored.
    EmailCompare {
        /// Byte for byte.
        Exact "exact",
        /// Ignores the case of ASCII letters.
        AsciiCi "ascii_ci",
        /// Ignores the case of ASCII letters behind the `@`.
        AsciiCiDomainOnly "ascii_ci_domain_only",
    }
}

choice! {
    /// The action in a case that needs care.
    Caution {
        /// The user is asked.
        Suggest "suggest",
        /// It is linked like any other.
        Allow "allow",
    }
}

choice! {
    /// The action in a case that is at most suggested.
    NoOpOrSuggest {
        /// Nothing.
        NoOp "no_op",
        /// The user is asked to verify the other account's address.
        Suggest "suggest",
    }
}

choice! {
    /// The action in a case that is normally wrong.
    Strictness {
        /// Not linked.
        Deny "deny",
        /// The user is asked.
        Suggest "suggest",
        /// Linked like any other.
        Allow "allow",
    }
}

choice! {
    /// A verified candidate that is blocked.
    BlockedCandidate {
        /// The login continues, without a link.
        NoOp "no_op",
        /// The login is denied: the same person is blocked.
        DenyLogin "deny_login",
    }
}

choice! {
    /// Several candidates that may all be linked.
    OnMultiple {
        /// None is linked; a person has to look at it.
        ConflictReport "conflict_report",
        /// The user is asked to choose one.
        Choose "choose",
        /// The only one that has linked identities already; a conflict
        /// otherwise.
        PreferLinked "prefer_linked",
        /// All of them, within the login's budget of links.
        LinkAll "link_all",
        /// The login is denied.
        DenyLogin "deny_login",
    }
}

choice! {
    /// The account that stays. A managed account comes first, then one that has
    /// linked identities, then the one of this option, then the older one, then
    /// the one with the smaller user id.
    Primary {
        /// The one that does not log in now. The result depends on which of the two
        /// logs in.
        Existing "existing",
        /// The older one.
        Oldest "oldest",
        /// The one in a database of the tenant.
        DatabaseFirst "database_first",
        /// The one that has logged in more often.
        MostLogins "most_logins",
        /// The one whose connection comes first in `connection_order`.
        ConnectionOrder "connection_order",
    }
}

choice! {
    /// An account with MFA, when this login has not passed its second factor or the
    /// account that would be the primary has none.
    Mfa {
        /// The user is asked for a second factor.
        StepUp "step_up",
        /// Not linked.
        Deny "deny",
        /// Linked like any other.
        Ignore "ignore",
    }
}

choice! {
    /// The logins that look up the other accounts with the address.
    LookUp {
        /// Every login.
        EveryLogin "every_login",
        /// The first login of an account, by `stats.logins_count`, and every login
        /// of an account that was unlinked from another. An account that gets its
        /// address, or another account, later is not linked.
        FirstLogin "first_login",
        /// Every login until a look-up finds no other account, which is noted in
        /// `app_metadata.linking.checked`; then again after
        /// `look_up_again_after_days`, or when the policy, the address or the
        /// identities change. Another account finds this one at its own logins.
        UntilChecked "until_checked",
    }
}

choice! {
    /// A look-up or a link that fails.
    OnError {
        /// The login continues, without a link.
        LoginWithoutLink "login_without_link",
        /// The login is denied.
        Deny "deny",
    }
}
