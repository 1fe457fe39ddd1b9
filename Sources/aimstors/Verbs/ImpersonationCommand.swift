import ArgumentParser
import GraphSimulator

struct ImpersonationCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "impersonation", abstract: "Act in a tenant's name for a while, with a reason.",
    subcommands: [Grant.self, List.self, End.self])

  struct Grant: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Get a grant: one use, within minutes, in the tenant's own cell.")

    @Option(name: .long, help: "The tenant's id.") var tenant: String
    @Option(name: .long, help: "Why; the tenant sees it.") var reason: String
    @Option(name: .long, help: "At most 60.") var minutes = 30
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let grant = try await api.send(
        .admin, "POST", "/v1/tenants/\(tenant)/impersonations",
        ["reason": JSON(reason), "minutes": JSON(minutes)])
      api.show(
        grant,
        "impersonation \(grant.cell("id")) until \(grant.cell("expires_at"))\n"
          + grant.cell("grant"))
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List grants, newest first.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let grants = try await api.list(.admin, "/v1/impersonations", limit: 1000)
      var table = Table("id", "operator", "tenant", "expires", "ended", "reason")
      for grant in grants {
        table.add(
          grant.cell("id"), grant.cell("operator"), grant.cell("tenant"),
          grant.cell("expires_at"), grant.cell("ended_at"), grant.cell("reason"))
      }
      api.show(["data": .array(grants), "next_cursor": .null], table.text)
    }
  }

  struct End: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a grant back, and end its session.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      _ = try await api.send(.admin, "DELETE", "/v1/impersonations/\(id)")
      api.show(["id": JSON(id), "ended": true], "ended \(id)")
    }
  }
}
