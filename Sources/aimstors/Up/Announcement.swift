/// What `up` says when everything is ready.
struct Announcement {
  /// Nil on a machine without a router that nobody has told of one.
  let url: String?
  let hosts: Topology.Hosts
  let directory: String

  func print() {
    Console.out("")
    let place = url ?? "the processes of this machine"
    Console.out("ready: \(place)   (hosts \(hosts.app), \(hosts.api), \(hosts.admin))")
    Console.out("described in \(LocalDescription.path(directory)) (secrets inside: mode 0600)")
    if let url { Console.out("try: \(curl(url))") }
  }

  /// One request to try that shows no secret.
  private func curl(_ url: String) -> String {
    "curl -s -H 'Host: \(hosts.api)' \(url)/openapi.json | head -c 300"
  }
}
