import ArgumentParser
import GraphSimulator

struct UserCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "user", abstract: "People of a tenant.",
    subcommands: [Invite.self, List.self, BreakGlass.self])

  struct Invite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Invite a person, such as a tenant's first owner.")

    @Option(name: .long, help: "The tenant's id.") var tenant: String
    @Option(name: .long) var email: String
    @Option(name: .long) var name: String
    @Option(name: .long, help: "owner, manager, agent, viewer, or a role of the tenant's own.")
    var role: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let person = try await api.send(
        .admin, "POST", "/v1/tenants/\(tenant)/users",
        ["email": JSON(email), "name": JSON(name), "role": JSON(role)])
      api.show(
        person, "\(person.cell("id"))\ninvitation \(person.cell("token"))  (shown once)")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List a tenant's people.")

    @Option(name: .long, help: "The tenant's id.") var tenant: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let people = try await api.list(.admin, "/v1/tenants/\(tenant)/users", limit: 1000)
      var table = Table("id", "email", "name", "role", "power", "state")
      for person in people {
        table.add(
          person.cell("id"), person.cell("email"), person.cell("name"), person.cell("role"),
          person.cell("power"), person.cell("state"))
      }
      api.show(["data": .array(people), "next_cursor": .null], table.text)
    }
  }

  struct BreakGlass: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "A way in for a person whom no letter reaches; the tenant sees it.")

    @Argument var id: String
    @Option(name: .long, help: "The tenant's id.") var tenant: String
    @Option(name: .long) var reason: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let person = try await api.send(
        .admin, "POST", "/v1/tenants/\(tenant)/users/\(id)/break-glass",
        ["reason": JSON(reason)])
      api.show(person, "token \(person.cell("token"))  (shown once)")
    }
  }
}
