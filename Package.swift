// swift-tools-version: 6.2
import PackageDescription

/// Every target is Swift 6 and treats warnings as errors; the rules between targets are in
/// ARCHITECTURE.md, "Modules", and are checked by `tools/check`.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .treatAllWarnings(as: .error),
]

let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(
  name: "UnixSignals", package: "swift-service-lifecycle")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let http: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")

let protobuf: Target.Dependency = .product(name: "SwiftProtobuf", package: "swift-protobuf")

func library(_ name: String, _ dependencies: [Target.Dependency], design: Bool = false) -> Target {
  .target(
    name: name, dependencies: dependencies, exclude: design ? ["DESIGN.md"] : [],
    swiftSettings: settings)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = [],
  exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, exclude: exclude, resources: resources,
    swiftSettings: settings)
}

let package = Package(
  name: "aimstors",
  platforms: [.macOS(.v15)],
  products: [.executable(name: "aimstors", targets: ["aimstors"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // C libraries of the system: a shim header each, and the few lines that must be C.
    // NNG's archive, not its shared library: one function is wrapped (Sources/CNNG/StoppedAIO.c).
    .target(
      name: "CNNG",
      linkerSettings: [
        .unsafeFlags(["-Xlinker", "--wrap=nni_aio_begin"]), .linkedLibrary(":libnng.a"),
        .linkedLibrary("mbedtls"), .linkedLibrary("mbedx509"), .linkedLibrary("mbedcrypto"),
      ]),
    .target(
      name: "CSQLite", dependencies: ["COpenSSL"], linkerSettings: [.linkedLibrary("sqlite3")]),
    .target(
      name: "COpenSSL", linkerSettings: [.linkedLibrary("crypto"), .linkedLibrary("crypt")]),
    .target(name: "CZlib", linkerSettings: [.linkedLibrary("z")]),
    .target(name: "CZstd", linkerSettings: [.linkedLibrary("zstd")]),
    // Whom a crashed thread worked for: signal handlers and thread-local slots are C's.
    .target(name: "CCrashMark"),
    // Calls of the system that Swift's overlay does not show.
    .target(name: "CFiles"),

    // Values: what travels, and the machine.
    .target(
      name: "Wire", dependencies: [protobuf],
      exclude: ["Protobuf/wire.proto"], swiftSettings: settings),
    library("Platform", ["CFiles", lifecycle, log]),

    // libcrypto and libcrypt for everybody: hashes, ciphers, signatures, passwords.
    library("Cryptography", ["COpenSSL"]),
    // Whom to believe what: roles and permissions, credentials, signed grants, audit trees.
    library("Trust", ["Cryptography", "Wire"]),

    // Engines.
    library(
      "Messaging", [protobuf, "CNNG", "COpenSSL", "Cryptography", "Wire", "Platform", log],
      design: true),
    library(
      "Storage",
      ["CSQLite", "CZlib", "CZstd", "COpenSSL", "CCrashMark", "Wire", "Platform", log],
      design: true),
    library(
      "Archive",
      ["CZlib", "Cryptography", "Wire", "Platform", "Storage", http, log, nio], design: true),
    library(
      "Edge",
      [
        protobuf, "Wire", "Platform", "Messaging", hummingbird,
        .product(name: "HummingbirdCore", package: "hummingbird"), lifecycle, log,
      ]),

    // What people are told of at once: by their own server, or by letter.
    library("Alerts", ["Cryptography", "Wire", "Platform", "Storage", "Trust", "Edge", http]),

    // The machine as a simulation: seeded clocks, randomness, disk.
    library("Simulation", ["Wire", "Platform"]),

    // Roles. They never import each other.
    library(
      "Cell",
      [
        "Wire", "Platform", "Messaging", "Storage", "Archive", "Edge", "Alerts", "COpenSSL",
        "Cryptography", "Trust", protobuf, lifecycle, http, hummingbird, log,
      ],
      design: true),
    library(
      "Router",
      [
        "Wire", "Platform", "Messaging", "Edge", "Cryptography", protobuf, lifecycle, hummingbird,
        log, .product(name: "HummingbirdCore", package: "hummingbird"), nio,
      ],
      design: true),
    library(
      "ControlPlane",
      [
        "Wire", "Platform", "Messaging", "Storage", "Edge", "Alerts", "Cryptography", "Trust",
        protobuf, lifecycle, hummingbird, log,
      ],
      design: true),
    library(
      "Replication",
      [
        "Wire", "Platform", "Messaging", "Storage", "Archive", "Edge", protobuf, lifecycle, log,
      ],
      design: true),
    library("GraphSimulator", ["Wire", "Platform", "COpenSSL", lifecycle, http, hummingbird, log]),

    .executableTarget(
      name: "aimstors",
      dependencies: [
        "Wire", "Platform", "Messaging", "Storage", "Archive", "Edge", "Alerts", "Cell", "Router",
        "ControlPlane", "Replication", "GraphSimulator", "COpenSSL", "Cryptography", "Trust",
        lifecycle, signals, http, log, nio, nioPosix, nioSSL,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Yams", package: "Yams"),
      ],
      swiftSettings: settings),

    // Break a system on purpose, or simulate it: `tools/chaos`, `tools/simulate`; shipped with
    // nothing.
    library(
      "Chaos",
      [
        "Simulation", "Storage", "StorageFixtures", "Archive", "Messaging", "GraphSimulator",
        "Wire", "Platform", http, log,
      ]),
    // How the tools' commands end.
    library("CommandExit", [.product(name: "ArgumentParser", package: "swift-argument-parser")]),
    .executableTarget(
      name: "ChaosCommand",
      dependencies: [
        "Chaos", "CommandExit", "Platform",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),
    library(
      "SimulatedDeployment",
      [
        "Simulation", "Storage", "Router", "ControlPlane", "Messaging", "Wire", "Platform",
        protobuf,
      ]),
    .executableTarget(
      name: "simulate",
      dependencies: [
        "CommandExit", "SimulatedDeployment",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: settings),

    // Drives the benches of `tools/bench`; ships with nothing.
    .executableTarget(
      name: "bench",
      dependencies: [
        "Wire", "Platform", "Messaging", "Storage", "Archive", "Cell", "Replication",
        "Cryptography", "Trust", "COpenSSL", hummingbird, http, log, protobuf,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      path: "Benchmarks/Driver", swiftSettings: settings),

    tests("WireTests", [protobuf, "Wire"]),
    tests("TrustTests", ["Cryptography", "Trust", "Wire"]),
    tests("PlatformTests", ["Simulation", "Platform"]),
    // One end of a connection in a process of its own, which the tests stop.
    .executableTarget(
      name: "MessagingPeerChild", dependencies: ["Messaging", "Wire", "Platform"],
      path: "Tests/MessagingPeerChild", swiftSettings: settings),
    tests(
      "MessagingTests",
      ["Simulation", "Messaging", "MessagingPeerChild", "Wire", "Platform", "CNNG"]),
    .target(
      name: "StorageFixtures", dependencies: ["Storage", "Wire", "Platform"],
      path: "Tests/StorageFixtures",
      swiftSettings: settings),
    // Compares what the roles answer with the OpenAPI documents.
    .target(
      name: "DocumentCheck", dependencies: ["Wire"], path: "Tests/DocumentCheck",
      swiftSettings: settings),
    // Writes until it is killed: the crash test's other process.
    .executableTarget(
      name: "StorageCrashChild", dependencies: ["Storage", "StorageFixtures", "Wire", "Platform"],
      path: "Tests/StorageCrashChild", swiftSettings: settings),
    tests(
      "StorageTests",
      ["Simulation", "Storage", "StorageFixtures", "StorageCrashChild", "Wire", "Platform"]),
    tests(
      "ReplicationTests",
      [
        "Simulation", "Replication", "Cell", "Storage", "StorageFixtures", "Archive", "Messaging",
        "Wire", "Platform", protobuf, log,
      ]),
    tests(
      "ArchiveTests",
      [
        "Simulation", "Archive", "Storage", "StorageFixtures", "Wire", "Platform", hummingbird,
        http, log,
      ]),
    tests(
      "EdgeTests",
      ["Simulation", "Edge", "Wire", "Platform", "Messaging", protobuf, http, hummingbird, log]),
    tests(
      "CellTests",
      [
        "Simulation", "Alerts", "Archive", "Cell", "ControlPlane", "Cryptography", "CSQLite",
        "DocumentCheck", "Storage", "StorageFixtures", "Trust", "Wire", "Platform", "Messaging",
        "Edge", log,
      ],
      exclude: ["Fixtures"]),
    tests(
      "RouterTests",
      [
        "Simulation", "Router", "Wire", "Platform", "Messaging", "Edge", protobuf, hummingbird,
        http, lifecycle, log, nio,
      ]),
    tests(
      "ControlPlaneTests",
      [
        "Simulation", "Alerts", "ControlPlane", "Cryptography", "DocumentCheck", "Storage", "Trust",
        "Wire", "Platform", "Messaging", "Edge", hummingbird, log,
      ]),
    tests(
      "GraphSimulatorTests",
      ["Simulation", "GraphSimulator", "Wire", "Platform", http, hummingbird, log]),
    tests(
      "ChaosTests",
      [
        "Simulation", "Chaos", "ChaosCommand", "aimstors", "GraphSimulator", "Storage", "Messaging",
        "Router", "Wire", "Platform",
      ]),
    tests(
      "SimulationTests",
      ["Simulation", "SimulatedDeployment", "Storage", "Platform", "Wire"]),
    // Counts what a thread asks of the allocator: in test programs only.
    .target(name: "CAllocations", path: "Tests/CAllocations"),
    tests(
      "FuzzTests",
      ["CAllocations", "Storage", "Messaging", "Router", "Cell", "Edge", "Wire", "Platform"]),
    tests("TidyTests", []),
    tests(
      "AimstorsTests",
      [
        "aimstors", "Alerts", "Archive", "Cell", "Cryptography", "Edge", "GraphSimulator",
        "Messaging", "Router", "Storage", "Trust", "Wire", "Platform", nio,
      ]),
  ]
)
