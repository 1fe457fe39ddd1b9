import ArgumentParser
import ControlPlane
import GraphSimulator
import Platform

struct OperatorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "operator", abstract: "The people who run the platform.",
    subcommands: [Create.self])

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
