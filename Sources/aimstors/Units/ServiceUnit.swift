import GraphSimulator

/// One process of a topology as a systemd service: an own user, own directory, own limits.
///
/// Keys and configuration are credentials: root's files, shown to this process alone.
struct ServiceUnit {
  struct Paths {
    var binary = "/usr/local/bin/aimstors"
    /// Where configurations and keys lie, root's.
    var configuration = "/etc/aimstors"
    /// Where other versions of the program lie.
    var releases = Releases.standard
    /// What `StateDirectory=` is relative to; the data directory is `aimstors` in it.
    static let state = "/var/lib"
    static let data = "/var/lib/aimstors"
  }

  let process: ProcessPlan
  let limits: Topology.ProcessLimits
  let paths: Paths

  var name: String { "aimstors-\(process.id)" }
  var user: String { name }

  /// A file that only root reads, and where the process finds it.
  private struct Credential {
    let name: String
    let source: String
  }

  private var credentials: [Credential] {
    var all = [
      Credential(name: "config.json", source: "\(paths.configuration)/\(process.id).json"),
      Credential(name: "deployment.key", source: "\(paths.configuration)/keys/deployment.key"),
      Credential(name: "sealing.key", source: "\(paths.configuration)/keys/sealing.key"),
    ]
    if process.configuration["archive"] != nil {
      all.append(
        Credential(name: "archive.key", source: "\(paths.configuration)/keys/archive.key"))
    }
    if let tls = process.configuration["tls"]?["certificate_and_key"]?.string {
      all.append(Credential(name: "certificate.pem", source: tls))
    }
    return all
  }

  private var credentialDirectory: String { "/run/credentials/\(name).service" }

  /// The process's configuration, naming its keys where systemd puts them.
  var configuration: JSON {
    var json = process.configuration
      .with("deployment_key_file", JSON("\(credentialDirectory)/deployment.key"))
      .with("key_file", JSON("\(credentialDirectory)/sealing.key"))
    // Root's, and read by every service.
    if json["releases"] != nil { json = json.with("releases", JSON(paths.releases)) }
    if let archive = json["archive"] {
      json = json.with(
        "archive", archive.with("key_file", JSON("\(credentialDirectory)/archive.key")))
    }
    if let tls = json["tls"] {
      json = json.with(
        "tls",
        tls.with("certificate_and_key", JSON("\(credentialDirectory)/certificate.pem")))
    }
    return json
  }

  /// The line of a `sysusers.d` file that makes the user.
  var userLine: String { "u \(user) - \"Aimstors \(process.id)\" \(Paths.data)" }

  var text: String {
    let command = process.role.command.joined(separator: " ")
    var lines = [
      "# Made by `aimstors units` from a topology; make it again rather than edit it.",
      "[Unit]", "Description=Aimstors \(process.id)", "Wants=network-online.target",
      "After=network-online.target", "StartLimitIntervalSec=0", "", "[Service]", "Type=exec",
      "User=\(user)",
    ]
    if process.dataDirectory.hasPrefix(Paths.state + "/") {
      lines.append("StateDirectory=\(process.dataDirectory.dropFirst(Paths.state.count + 1))")
      lines.append("StateDirectoryMode=0700")
    }
    lines += credentials.map { "LoadCredential=\($0.name):\($0.source)" }
    lines += [
      "ExecStart=\(paths.binary) \(command) --config %d/config.json", "Restart=always",
      "RestartSec=1", "TimeoutStopSec=60", "LimitNOFILE=\(limits.openFiles)",
    ]
    if let memory = limits.memoryMegabytes { lines.append("MemoryMax=\(memory)M") }
    if let cpu = limits.cpuPercent { lines.append("CPUQuota=\(cpu)%") }
    lines += Self.hardening + ["", "[Install]", "WantedBy=multi-user.target", ""]
    return lines.joined(separator: "\n")
  }

  private static let hardening = [
    "UMask=0077", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes",
    "PrivateTmp=yes", "PrivateDevices=yes", "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes", "ProtectControlGroups=yes", "RestrictSUIDSGID=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX", "LockPersonality=yes",
    "SystemCallArchitectures=native", "CapabilityBoundingSet=",
  ]
}

extension Topology {
  /// What one process may have; a follower has what its cell has.
  func limits(of id: String) -> ProcessLimits {
    cells.first { $0.id == id || $0.followers.contains { $0.id == id } }?.limits
      ?? ProcessLimits()
  }
}
