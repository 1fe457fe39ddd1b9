import ArgumentParser
import GraphSimulator

struct TenantCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tenant", abstract: "The tenants of the platform.",
    subcommands: [
      Create.self, List.self, Show.self, State.self, Durability.self, Digest.self, Release.self,
      Restore.self, Fork.self, Snapshot.self, Move.self, MoveBack.self,
    ])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Create a tenant.")

    @Option(name: .long) var name: String
    @Option(name: .long) var slug: String
    @Option(name: .long) var region = "local"
    @Option(name: .long, help: "ISO 4217, e.g. USD.") var currency = "USD"
    @Option(name: .long, help: "IANA, e.g. Europe/Berlin.") var timeZone = "Etc/UTC"
    @Option(name: .long) var tier: String?
    @Option(name: .long) var parent: String?
    @Option(name: .long, help: "The cell; default: by load.") var cell: String?
    @Option(name: .long, help: "cell, local or follower; see `tenant durability`.")
    var durability: String?
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let body: JSON = [
        "name": JSON(name), "slug": JSON(slug), "region": JSON(region),
        "currency": JSON(currency), "time_zone": JSON(timeZone),
      ]
      let tenant = try await api.send(
        .admin, "POST", "/v1/tenants",
        body.with("tier", tier.map { JSON($0) }).with("parent_id", parent.map { JSON($0) })
          .with("cell", cell.map { JSON($0) })
          .with("durability", durability.map { JSON($0) }))
      api.show(tenant, TenantCommand.table([tenant]))
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List tenants.")

    @Option(name: .long, help: "At most this many.") var limit = 1000
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let tenants = try await api.list(.admin, "/v1/tenants", limit: limit)
      api.show(["data": .array(tenants), "next_cursor": .null], TenantCommand.table(tenants))
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show a tenant.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let tenant = try await api.send(.admin, "GET", "/v1/tenants/\(id)")
      api.show(tenant, TenantCommand.table([tenant]))
    }
  }

  struct Durability: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a tenant's acknowledged work survives.",
      discussion: """
        cell: what its cell's mode says (default). local: the end of a process, and of power.
        follower: the loss of the machine too; the tenant is placed, and moves, only where a \
        follower is fed.
        """)

    @Argument var id: String
    @Argument(help: "cell, local or follower.") var durability: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let tenant = try await api.send(
        .admin, "PATCH", "/v1/tenants/\(id)", ["durability": JSON(durability)])
      api.show(tenant, TenantCommand.table([tenant]))
    }
  }

  struct State: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set-state", abstract: "Make a tenant active, suspended or read_only.")

    @Argument var id: String
    @Argument(help: "active, suspended or read_only.") var state: String
    @Option(name: .long) var reason: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let tenant = try await api.send(
        .admin, "PATCH", "/v1/tenants/\(id)", ["state": JSON(state), "reason": JSON(reason)])
      api.show(tenant, TenantCommand.table([tenant]))
    }
  }

  struct Digest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "A tenant's digests; with --recompute checked by a full scan.")

    @Argument var id: String
    @Flag(name: .long) var recompute = false
    @Option(name: .long, help: "Ask this cell; default: the one that the tenant is placed on.")
    var cell: String?
    @OptionGroup var connection: ConnectionOptions

    /// How long a full scan may take, in seconds: longer than the router waits for it.
    private static let scanSeconds: Int64 = 140

    func run() async throws {
      let api = try connection.connection()
      let answer = try await api.send(
        .admin, "GET",
        "/v1/tenants/\(id)/digest?recompute=\(recompute)" + (cell.map { "&cell=\($0)" } ?? ""),
        seconds: recompute ? Self.scanSeconds : HTTPCaller.requestSeconds)
      var table = Table("file", "digest", "recomputed")
      for file in answer["files"]?.members ?? [] {
        table.add(
          file.name, file.value.cell, answer["recomputed_files"]?[file.name]?.cell ?? "-")
      }
      api.show(answer, "tenant_seq \(answer.cell("tenant_seq"))\n\(table.text)")
      try Self.check(answer)
    }

    /// Exit code 3 where the scan found another digest than the one that is kept.
    static func check(_ answer: JSON) throws(CommandFailure) {
      for file in answer["recomputed_files"]?.members ?? []
      where answer["files"]?[file.name] != file.value {
        throw CommandFailure(
          .verificationFailed, code: "digest_mismatch",
          detail: "\(file.name): the scan found \(file.value.cell)", document: answer)
      }
    }
  }

  static func table(_ tenants: [JSON]) -> String {
    var table = Table(
      "id", "slug", "state", "cell", "epoch", "durability", "currency", "created")
    for tenant in tenants {
      table.add(
        tenant.cell("id"), tenant.cell("slug"), tenant.cell("state"), tenant.cell("cell"),
        tenant.cell("epoch"), tenant.cell("durability"), tenant.cell("currency"),
        tenant.cell("created_at"))
    }
    return table.text
  }
}
