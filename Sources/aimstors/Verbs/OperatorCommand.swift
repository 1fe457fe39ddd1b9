import ArgumentParser
import ControlPlane
import GraphSimulator
import Platform

struct OperatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "operator", abstract: "The people who run the platform.",
    subcommands: [
      Create.self, Add.self, List.self, Remove.self, Me.self, Session.self, SecondFactor.self,
    ])

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create an operator below your own level.")

    @Option(name: .long) var name: String
    @Option(name: .long, help: "super_admin, operator, support or reseller.") var role: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let person = try await api.send(
        .admin, "POST", "/v1/operators", ["name": JSON(name), "role": JSON(role)])
      api.show(
        person,
        "operator \(person.cell("id"))\ntoken \(person.cell("token"))  (shown once; keep it)")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List operators.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let people = try await api.list(.admin, "/v1/operators", limit: 1000)
      var table = Table("id", "name", "role", "power", "second factor")
      for person in people {
        table.add(
          person.cell("id"), person.cell("name"), person.cell("role"), person.cell("power"),
          person.cell("second_factor"))
      }
      api.show(["data": .array(people), "next_cursor": .null], table.text)
    }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Remove an operator at once.")

    @Argument var id: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      _ = try await api.send(.admin, "DELETE", "/v1/operators/\(id)")
      api.show(["id": JSON(id), "removed": true], "removed \(id)")
    }
  }

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create the first operator, once, with the deployment's key.")

    @Flag(name: .long, help: "The first operator: the only one that needs no other.")
    var first = false

    @Option(name: .long, help: "The deployment's key (default: keys/ of AIMSTORS_DATA).")
    var deploymentKey: String?

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
      guard first else { throw ValidationError("only --first is known") }
    }

    func run() async throws {
      let path = deploymentKey ?? Environment.live.dataDirectory + "/keys/deployment.key"
      let proof = DeploymentProof.make(
        key: try KeyFile.require(path), seconds: LiveWallClock().milliseconds() / 1000,
        nonce: LocalSecrets.hex(LiveRandomSource().bytes(8)))
      let api = try connection.connection()
      let answer = try await api.send(
        .admin, "POST", "/v1/operators/first", headers: [(DeploymentProof.header, proof)])
      api.show(
        answer,
        "operator \(answer.cell("id"))\ntoken \(answer.cell("token"))  (shown once; keep it)")
    }
  }
}
