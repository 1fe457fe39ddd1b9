import Cryptography
import Storage
import Trust
import Wire

/// The rules of a tenant's people and roles, inside a transaction.
///
/// Nobody grants, edits or removes at or above their own level; owners may each other, and one
/// stays.
struct PeopleCommands {
  let tx: Transaction
  let request: RequestActor
  let principal: Principal
  private let users: UsersStore
  private let log: AuditLog

  init(_ tx: Transaction, _ request: RequestActor, _ principal: Principal) throws {
    self.tx = tx
    self.request = request
    self.principal = principal
    users = try UsersStore(tx)
    log = try AuditLog(tx)
  }

  /// Invites a person; answers them with the token that accepts, for the letter.
  ///
  /// Throws `invalid_field`, `forbidden`, `email_taken`, `conflict` at the bound.
  func invite(email: String, name: String, role name2: String) throws -> (User, token: String) {
    let email = try User.checked(email: email)
    let role = try grantable(name2)
    guard try users.find(email: email) == nil else {
      throw Failure(.emailTaken, "there is somebody with this address already")
    }
    guard try users.count() < User.maximumPerTenant else {
      throw Failure(.conflict, "a tenant has at most \(User.maximumPerTenant) people")
    }
    let user = User(
      id: tx.freshID(), email: email, name: try User.checked(name: name), role: role.name,
      state: .invited, createdAt: tx.now, createdBy: principal.name)
    try users.insert(user)
    let token = try Self.token(for: user.id, .invitation, tx, isShown: isOperator)
    try audit("user.invite", user, ["email": email, "role": role.name])
    return (user, token)
  }

  /// Makes another invitation for a person who has not accepted theirs.
  func inviteAgain(_ id: RowID) throws -> (User, token: String) {
    let user = try ruled(id)
    guard user.state == .invited else {
      throw Failure(.invalidState, "this person has accepted an invitation already")
    }
    let token = try Self.token(for: id, .invitation, tx)
    try audit("user.invite_again", user, [:])
    return (user, token)
  }

  /// Changes role, name or state.
  ///
  /// Throws `not_found`, `forbidden`, `last_owner`.
  func change(_ id: RowID, role name: String?, name newName: String?, disabled: Bool?) throws
    -> User
  {
    var user = try ruled(id)
    if let newName { user.name = try User.checked(name: newName) }
    if let name, name != user.role {
      let role = try grantable(name)
      try keepAnOwner(besides: user)
      try audit("user.role_change", user, ["from": user.role, "to": role.name])
      user.role = role.name
    }
    if let disabled, disabled != (user.state == .disabled) {
      if disabled { try keepAnOwner(besides: user) }
      let hasPassword = try users.credentials(of: id).passwordHash != nil
      user.state = disabled ? .disabled : hasPassword ? .active : .invited
      try audit(disabled ? "user.disable" : "user.enable", user, [:])
    }
    try users.update(user)
    return user
  }

  /// Removes a person.
  ///
  /// Throws `not_found`, `forbidden`, `last_owner`.
  func remove(_ id: RowID) throws {
    let user = try ruled(id)
    try keepAnOwner(besides: user)
    try users.delete(id)
    try audit("user.remove", user, ["email": user.email, "role": user.role])
  }

  func put(role name: String, power: Int64, scopes: [String]) throws -> Role {
    let known = try users.role(name)
    if let known, !known.isBuiltIn, !(known.power < principal.power) {
      throw Failure(.forbidden, "this role stands at or above your own level")
    }
    let isNew = known == nil
    let role = try Role.custom(
      name: name, power: power, scopes: scopes, by: principal.power, principal.scopes)
    guard try !isNew || users.customRoles().count < Role.maximumCustom else {
      throw Failure(.conflict, "a tenant has at most \(Role.maximumCustom) roles of its own")
    }
    try users.put(role, at: tx.now)
    try log.append(
      request.event(
        "role.put", subject: name,
        ["power": "\(power)", "scopes": role.scopes.names.joined(separator: " ")]), at: tx.now)
    return role
  }

  func delete(role name: String) throws {
    guard let role = try users.role(name) else {
      throw Failure(.notFound, "there is no such role")
    }
    guard !role.isBuiltIn else { throw Failure(.conflict, "\(name) is a built-in role") }
    guard role.power < principal.power else {
      throw Failure(.forbidden, "this role stands at or above your own level")
    }
    guard try !users.isHeld(role: name) else {
      throw Failure(.conflict, "somebody has this role; give them another first")
    }
    try users.deleteRole(name)
    try log.append(request.event("role.delete", subject: name), at: tx.now)
  }

  /// A way in for somebody whose letters do not arrive: answered to an operator once, kept for the
  /// tenant to see.
  func breakGlass(_ id: RowID, reason: String) throws -> (User, token: String) {
    guard (8...500).contains(reason.utf8.count) else {
      throw Failure(.invalidField, "reason must be 8 to 500 bytes")
    }
    let user = try ruled(id)
    guard user.state != .disabled else {
      throw Failure(.invalidState, "this person is disabled")
    }
    let token = try Self.token(
      for: id, user.state == .invited ? .invitation : .passwordReset, tx, isShown: true)
    try audit("user.break_glass", user, ["reason": reason])
    return (user, token)
  }

  /// A fresh token of one use; only its hash is stored.
  static func token(
    for user: RowID, _ purpose: OneTimeToken.Purpose, _ tx: Transaction, isShown: Bool = false
  ) throws -> String {
    let text =
      OneTimeToken.prefix + Base62.draw(OneTimeToken.secretLength) { tx.randomBytes($0) }
    try UsersStore(tx).insertToken(
      hash: SHA256Digest.of(Array(text.utf8)),
      OneTimeToken(
        userID: user, purpose: purpose, expiresAt: tx.now.adding(seconds: purpose.seconds),
        usedAt: nil, isShown: isShown))
    return text
  }

  // MARK: Parts

  /// Operators are shown the tokens that they have made.
  private var isOperator: Bool { principal.kind == .operator }

  /// Somebody whom the principal may change.
  private func ruled(_ id: RowID) throws -> User {
    guard let user = try users.find(id) else {
      throw Failure(.notFound, "there is no such person")
    }
    let power = try users.role(user.role)?.power ?? .owner
    guard principal.power.rules(power) else {
      throw Failure(.forbidden, "this person stands at or above your own level")
    }
    return user
  }

  /// A role that the principal may give.
  private func grantable(_ name: String) throws -> Role {
    guard let role = try users.role(name) else {
      throw Failure(.invalidField, "role: there is no role \(name)")
    }
    guard principal.power.rules(role.power) else {
      throw Failure(.forbidden, "role: \(name) stands at or above your own level")
    }
    guard principal.scopes.isSuperset(of: role.scopes) else {
      throw Failure(.forbidden, "role: \(name) may do what you may not")
    }
    return role
  }

  private func keepAnOwner(besides user: User) throws {
    guard user.role == Role.owner.name, user.state == .active else { return }
    guard try users.count(role: Role.owner.name, besides: user.id) > 0 else {
      throw Failure(.lastOwner, "a tenant keeps at least one active owner")
    }
  }

  private func audit(
    _ action: String, _ user: User, _ detail: KeyValuePairs<String, String>
  ) throws {
    try log.append(
      request.event(action, subject: user.id.text(.user), detail), at: tx.now)
  }
}
