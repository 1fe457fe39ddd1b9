/// What `up` says when everything is ready.
struct Announcement {
  let url: String
  let hosts: Topology.Hosts
  let directory: String

  func print() {
    Console.out("")
    Console.out("ready: \(url)   (hosts \(hosts.app), \(hosts.api), \(hosts.admin))")
    Console.out("described in \(LocalDescription.path(directory)) (secrets inside: mode 0600)")
    Console.out("try: \(curl)")
  }

  /// One request to try that shows no secret.
  private var curl: String {
    "curl -s -H 'Host: \(hosts.api)' \(url)/openapi.json | head -c 300"
  }
}
