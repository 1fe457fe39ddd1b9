import Testing
import Trust
import Wire

@Suite("Power, roles, permissions") struct AccessTests {
  @Test func `nobody rules over an equal, but owners over each other`() {
    let powers = Role.builtIn.map(\.power) + [.none, Power(rawValue: 99), .platform]
    for one in powers {
      for other in powers {
        let expected = other < one || (one == .owner && other == .owner)
        #expect(one.rules(other) == expected, "\(one) \(other)")
      }
    }
  }

  @Test func `a custom role stands below its maker and can do no more`() throws {
    let role = try Role.custom(
      name: "billing", power: 40, scopes: ["wallet:read"], by: .manager, Role.manager.scopes)
    #expect(role.power.rawValue == 40 && !role.isBuiltIn)
    for (name, power, scopes, code) in [
      ("billing", 75, ["wallet:read"], FailureCode.forbidden),
      ("billing", 99, ["wallet:read"], .forbidden), ("billing", 0, ["wallet:read"], .invalidField),
      ("billing", 100, ["wallet:read"], .invalidField), ("owner", 10, ["wallet:read"], .conflict),
      ("Billing", 10, ["wallet:read"], .invalidField), ("b", 10, [], .invalidField),
      ("b", 10, ["nonsense"], .invalidField),
    ] {
      let error = #expect(throws: Failure.self) {
        try Role.custom(
          name: name, power: Int64(power), scopes: scopes, by: .manager, Role.manager.scopes)
      }
      #expect(error?.code == code, "\(name) \(power)")
    }
    let error = #expect(throws: Failure.self) {
      try Role.custom(
        name: "b", power: 10, scopes: ["wallet:read"], by: .agent, Role.agent.scopes)
    }
    #expect(error?.code == .forbidden)
  }

  @Test func `each weaker role can do less`() {
    for (stronger, weaker) in zip(Role.builtIn, Role.builtIn.dropFirst()) {
      #expect(stronger.power > weaker.power)
      #expect(stronger.scopes.isStrictSuperset(of: weaker.scopes))
    }
    #expect(Scopes.each.allSatisfy { Role.owner.scopes.contains($0) })
  }

  @Test func `what writes is not for readers, and changes to access are kept and not delegated`() {
    for rule in PermissionTable.rules {
      if case .scopes(let scopes) = rule.access, rule.isWrite {
        #expect(
          Role.viewer.scopes.isDisjoint(with: scopes), "\(rule.method) \(rule.path)")
      }
      if case .scopes(let scopes) = rule.access {
        #expect(!scopes.isEmpty, "\(rule.path) is open to every key")
        if rule.isWrite, !scopes.isDisjoint(with: [.apiKeysWrite, .usersWrite]) {
          #expect(rule.record != .none && !rule.isImpersonable)
        }
      }
      if case .person(let scopes) = rule.access, !scopes.isEmpty {
        #expect(rule.record != .none && !rule.isImpersonable, "\(rule.method) \(rule.path)")
      }
      if rule.host == .admin, rule.isWrite { #expect(rule.record != .none, "\(rule.path)") }
    }
  }

  @Test func `a route is found however its parameters are written`() {
    #expect(PermissionTable.rule(.api, "GET", "/v1/users/:id") != nil)
    #expect(
      PermissionTable.rule(.api, "GET", "/v1/users/{id}")
        == PermissionTable.rule(.api, "GET", "/v1/users/{}"))
    #expect(PermissionTable.rule(.api, "GET", "/v1/nothing") == nil)
    #expect(PermissionTable.rule(.admin, "GET", "/v1/users") == nil)
  }
}
