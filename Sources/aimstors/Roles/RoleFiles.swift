import Edge
import Logging
import Messaging
import Platform
import Wire

/// What every role reads the same way from its configuration file.
struct RoleFiles {
  let id: String
  /// The program's own: a configuration is written by another version, maybe.
  let version = Build.version
  let deploymentKey: [UInt8]
  let tls: TLSFiles?
  let healthPort: Int
  /// Where other versions of the program lie.
  let releases: Releases

  /// Keys of every role's file.
  static let keys: Set<String> = [
    "id", "version", "deployment_key_file", "key_file", "control_plane",
    "control_plane_publications", "tls", "health_port", "data_directory",
    "releases",
  ]

  init(_ node: ConfigurationNode) throws {
    do {
      id = try node.string("id")
      releases = Releases(directory: try node.string("releases", default: Releases.standard))
      healthPort = try node.integer("health_port", in: Topology.Limits.port, default: 0)
      tls = try node.child("tls").map { (tls) throws(ConfigurationError) -> TLSFiles in
        try tls.allow(["authority", "certificate_and_key"])
        return TLSFiles(
          authority: try tls.string("authority"),
          certificateAndKey: try tls.string("certificate_and_key"))
      }
      deploymentKey = try KeyFile.require(try node.string("deployment_key_file"))
    } catch let error as ConfigurationError {
      throw error.failure
    }
  }

  /// Watches the disk of `directory`, and the certificate that this process shows.
  func watch(_ directory: String) -> ProcessWatch {
    ProcessWatch(
      files: LiveFileSystem(), directory: directory, tls: tls, clock: LiveWallClock())
  }

  /// This process's end of messaging.
  func messenger(
    role: PeerIdentity.Role, id: String? = nil, generation: Generation,
    random: any RandomSource, log: Logger
  ) throws(CommandFailure) -> NNGMessenger {
    guard let key = DeploymentKey(deploymentKey) else {
      throw CommandFailure(
        .refused, code: "key_file_malformed", detail: "the deployment's key must have 32 bytes")
    }
    return NNGMessenger(
      identity: PeerIdentity(role: role, id: id ?? self.id, generation: generation), key: key,
      tls: tls,
      random: random, log: log,
      // Whoever closes its messenger ends, or becomes another role: a new process is either.
      onStuckClose: { endProcess(.refused) })
  }
}
