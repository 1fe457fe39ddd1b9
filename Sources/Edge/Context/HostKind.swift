/// Which of the platform's three kinds of host a request came in on.
///
/// Every route belongs to one.
public enum HostKind: String, Hashable, Sendable, CaseIterable { case app, api, admin }
