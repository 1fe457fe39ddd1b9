/// How `up` reaches the deployment's control plane: where, and in whose name.
struct AdminAccess: Hashable {
  let url: String
  /// An operator's; nil: the first operator is to be made.
  let token: String?

  /// What AIMSTORS_ADMIN_URL says, without a slash at its end; nil where it is not set.
  ///
  /// Throws `invalid_url` where it is no address.
  static func address(_ environment: Environment) throws(CommandFailure) -> String? {
    guard var url = environment["AIMSTORS_ADMIN_URL"] else { return nil }
    while url.hasSuffix("/") { url.removeLast() }
    guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
      throw CommandFailure(
        .usage, code: "invalid_url",
        detail: "AIMSTORS_ADMIN_URL must begin with http:// or https://, and name a host")
    }
    return url
  }

  /// This machine's own router wins over the address that is given, which may be another
  /// deployment's, and the token that is given over the one that is stored.
  ///
  /// So an operator's session can take the place of a token that suffices no more.
  ///
  /// `router`: the address of this machine's first router. Throws `no_address` where there is none
  /// of either, `no_operator` where nobody is named and the first may not be made from here.
  static func choose(
    given: String?, router: String?, token: String?, stored: String?, mayMakeFirst: Bool
  ) throws(CommandFailure) -> AdminAccess {
    guard let url = router ?? given else {
      throw CommandFailure(
        .usage, code: "no_address",
        detail: "this machine has no router: set AIMSTORS_ADMIN_URL to the address of one, or of"
          + " the admin host")
    }
    let token = token ?? stored
    guard token != nil || mayMakeFirst else {
      throw CommandFailure(
        .usage, code: "no_operator",
        detail: "set AIMSTORS_ADMIN_TOKEN to an operator's token, or to that of a session")
    }
    return AdminAccess(url: url, token: token)
  }
}

extension Topology.Router {
  /// Where its own machine reaches it.
  ///
  /// One that listens at every address does so at the loopback's, too.
  func url(port: Int) -> String {
    let host =
      switch httpHost {
      case "0.0.0.0", "::", "[::]": "127.0.0.1"
      case let six where six.contains(":") && !six.hasPrefix("["): "[\(six)]"
      default: httpHost
      }
    return "http://\(host):\(port)"
  }
}
