import ArgumentParser
import ControlPlane
import GraphSimulator
import Platform

extension OperatorCommand {
  struct Me: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show who you are.")

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
      let api = try connection.connection()
      let me = try await api.send(.admin, "GET", "/v1/me")
      api.show(
        me,
        "\(me.cell("id"))  \(me.cell("name"))  \(me.cell("role"))"
          + "  second factor: \(me.cell("second_factor"))")
    }
  }

  struct Session: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Open a session with your token and a code; or end all of them.",
      discussion: """
        With a second factor the token alone opens nothing else. What is printed goes where the
        token was: export AIMSTORS_ADMIN_TOKEN=$(aimstors operator session --code 123456 --quiet)
        """)

    @Option(name: .long, help: "The authenticator's code, or a recovery code.") var code: String?
    @Flag(name: .long, help: "End all of your sessions.") var end = false
    @Flag(name: .long, help: "Print the session's token alone.") var quiet = false
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
      guard (code != nil) != end else { throw ValidationError("give --code or --end") }
    }

    func run() async throws {
      let api = try connection.connection()
      if end {
        _ = try await api.send(.admin, "DELETE", "/v1/me/sessions")
        return api.show(["ended": true], "all sessions ended")
      }
      let opened = try await api.send(
        .admin, "POST", "/v1/me/sessions", ["code": JSON(code ?? "")])
      let token = opened.cell("token")
      api.show(
        opened,
        quiet
          ? token
          : "session \(opened.cell("id"))\ntoken \(token)"
            + "\nuntil \(opened.cell("expires_at"))")
    }
  }

  struct SecondFactor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "totp", abstract: "A second factor: an authenticator's codes (RFC 6238).",
      subcommands: [Enrol.self, Confirm.self, Drop.self, Reset.self])

    struct Enrol: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        abstract: "Get a secret for your authenticator; it counts once confirmed.")

      @OptionGroup var connection: ConnectionOptions

      func run() async throws {
        let api = try connection.connection()
        let made = try await api.send(.admin, "POST", "/v1/me/totp")
        api.show(made, "secret \(made.cell("secret"))\n\(made.cell("uri"))")
      }
    }

    struct Confirm: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        abstract: "Confirm it with a code; prints the recovery codes, once.")

      @Option(name: .long) var code: String
      @OptionGroup var connection: ConnectionOptions

      func run() async throws {
        let api = try connection.connection()
        let codes = try await api.send(
          .admin, "POST", "/v1/me/totp/confirm", ["code": JSON(code)])
        let lines = (codes["recovery_codes"]?.array ?? []).compactMap(\.string)
        api.show(codes, "recovery codes, each for once:\n" + lines.joined(separator: "\n"))
      }
    }

    struct Drop: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Do without it, by a code of it.")

      @Option(name: .long) var code: String
      @OptionGroup var connection: ConnectionOptions

      func run() async throws {
        let api = try connection.connection()
        _ = try await api.send(.admin, "POST", "/v1/me/totp/remove", ["code": JSON(code)])
        api.show(["removed": true], "removed; your token suffices again")
      }
    }

    struct Reset: AsyncParsableCommand {
      static let configuration = CommandConfiguration(
        abstract: "Take away another operator's, who has lost it.",
        discussion: """
          The only super admin has nobody above: whoever holds the deployment's key takes the factor
          away with --deployment-key.
          """)

      @Argument var id: String
      @Option(name: .long, help: "The file with the deployment's key; needs no token.")
      var deploymentKey: String?
      @OptionGroup var connection: ConnectionOptions

      func run() async throws {
        let api = try connection.connection()
        if let deploymentKey {
          let proof = DeploymentProof.make(
            .removeFactor(of: id), key: try KeyFile.require(deploymentKey),
            seconds: LiveWallClock().milliseconds() / 1000,
            nonce: LocalSecrets.hex(LiveRandomSource().bytes(8)))
          _ = try await api.send(
            .admin, "POST", "/v1/operators/totp-recovery", ["operator": JSON(id)],
            headers: [(DeploymentProof.header, proof)])
        } else {
          _ = try await api.send(.admin, "DELETE", "/v1/operators/\(id)/totp")
        }
        api.show(["id": JSON(id), "removed": true], "removed the second factor of \(id)")
      }
    }
  }
}
