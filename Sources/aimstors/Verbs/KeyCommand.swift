import ArgumentParser
import GraphSimulator

struct KeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "API keys of a tenant; the archive key.",
    subcommands: [
      Create.self, List.self, Rotate.self, Revoke.self, Backup.self, Verify.self,
    ])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create a key: with --tenant as operator, else with the key at hand.")

    @Option(name: .long, help: "The tenant's id.") var tenant: String?
    @Option(name: .long) var name: String
    @Option(name: .long, help: "live or test.") var mode = "live"
    @Option(name: .long, parsing: .upToNextOption, help: "* for all that may be granted.")
    var scopes = ["*"]
    @Option(
      name: .customLong("allow-cidrs"), parsing: .upToNextOption,
      help: "Address ranges that it may be used from, e.g. 192.0.2.0/24; none: from anywhere.")
    var allowCIDRs: [String] = []
    @Option(name: .long, help: "Requests per second; with --rate-burst.") var ratePerSecond: Int?
    @Option(name: .long, help: "Requests at once; with --rate-per-second.") var rateBurst: Int?
    @Option(name: .long, help: "RFC 3339.") var expiresAt: String?
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
      guard (ratePerSecond == nil) == (rateBurst == nil) else {
        throw ValidationError("a rate is both, --rate-per-second and --rate-burst")
      }
    }

    /// The body of the request.
    var body: JSON {
      var body: JSON = [
        "name": JSON(name), "mode": JSON(mode), "scopes": .array(scopes.map { JSON($0) }),
      ]
      if !allowCIDRs.isEmpty {
        body = body.with("allow_cidrs", .array(allowCIDRs.map { JSON($0) }))
      }
      if let ratePerSecond, let rateBurst {
        body = body.with("rate", ["per_second": JSON(ratePerSecond), "burst": JSON(rateBurst)])
      }
      return body.with("expires_at", expiresAt.map { JSON($0) })
    }

    func run() async throws {
      let api = try connection.connection()
      let key =
        if let tenant {
          try await api.send(.admin, "POST", "/v1/tenants/\(tenant)/api-keys", body)
        } else {
          try await api.send(.api, "POST", "/v1/api-keys", body)
        }
      api.show(key, "key \(key.cell("id"))\n\(key.cell("key"))  (shown once; keep it)")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the tenant's keys.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let keys = try await api.list(.api, "/v1/api-keys", limit: 1000)
      var table = Table("id", "name", "mode", "public id", "expires", "revoked")
      for key in keys {
        table.add(
          key.cell("id"), key.cell("name"), key.cell("mode"), key.cell("public_id"),
          key.cell("expires_at"), key.cell("revoked_at"))
      }
      api.show(["data": .array(keys), "next_cursor": .null], table.text)
    }
  }

  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give a key another secret; both work for a while.")

    @Argument var id: String
    @Option(name: .long, help: "How long the old secret works, in seconds.")
    var overlapSeconds = 86_400
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let key = try await api.send(
        .api, "POST", "/v1/api-keys/\(id)/rotate", ["overlap_seconds": JSON(overlapSeconds)])
      api.show(key, "key \(key.cell("id"))\n\(key.cell("key"))  (shown once; keep it)")
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Revoke a key at once.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      _ = try await api.send(.api, "DELETE", "/v1/api-keys/\(id)")
      api.show(["id": JSON(id), "revoked": true], "revoked \(id)")
    }
  }
}
