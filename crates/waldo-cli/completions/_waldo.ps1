
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'waldo' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'waldo'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'waldo' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The profile that has the other settings [default: default]')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Where the API is [default: https://api.waldo.ai]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where the token is kept: file, none, a directory or redis://… [default: file]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, with a schema number')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('request', 'request', [CompletionResultType]::ParameterValue, 'Make one call of the API')
            [CompletionResult]::new('token', 'token', [CompletionResultType]::ParameterValue, 'Print a valid token for another program')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Check a key pair by a login, and keep it in the profile')
            [CompletionResult]::new('logout', 'logout', [CompletionResultType]::ParameterValue, 'Forget the key pair of the profile, and its token')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Say where each setting comes from, and what the next call would do')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Show what is in a token from stdin, without its signature')
            [CompletionResult]::new('emulate', 'emulate', [CompletionResultType]::ParameterValue, 'Run a server that answers like the API, for tests')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions of a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a man page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'waldo;request' {
            [CompletionResult]::new('--query', '--query', [CompletionResultType]::ParameterName, 'A pair of the query; may be given again')
            [CompletionResult]::new('-H', '-H ', [CompletionResultType]::ParameterName, 'A header, or @FILE with a header in each line, or @- for stdin; may be given again')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'A header, or @FILE with a header in each line, or @- for stdin; may be given again')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Write the body to this file if the call succeeds; - is stdout')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Write the body to this file if the call succeeds; - is stdout')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The profile that has the other settings [default: default]')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Where the API is [default: https://api.waldo.ai]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where the token is kept: file, none, a directory or redis://… [default: file]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]')
            [CompletionResult]::new('--form', '--form', [CompletionResultType]::ParameterName, 'Send the fields as a multipart form, even without a file')
            [CompletionResult]::new('-i', '-i', [CompletionResultType]::ParameterName, 'Show the status and the headers of the answer')
            [CompletionResult]::new('--include', '--include', [CompletionResultType]::ParameterName, 'Show the status and the headers of the answer')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Print JSON as it comes, even to a terminal')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Show what would be sent, without secrets, and send nothing')
            [CompletionResult]::new('--time', '--time', [CompletionResultType]::ParameterName, 'Show how long the call took')
            [CompletionResult]::new('--retry-after', '--retry-after', [CompletionResultType]::ParameterName, 'Wait once if the API asks to wait (429, 503, or no login for now), and send the call again')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, with a schema number')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'waldo;token' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'How the token is printed')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The profile that has the other settings [default: default]')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Where the API is [default: https://api.waldo.ai]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where the token is kept: file, none, a directory or redis://… [default: file]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]')
            [CompletionResult]::new('--show', '--show', [CompletionResultType]::ParameterName, 'Print the token to a terminal too')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, with a schema number')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'waldo;login' {
            [CompletionResult]::new('--storage', '--storage', [CompletionResultType]::ParameterName, 'Where the key pair is kept')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The profile that has the other settings [default: default]')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Where the API is [default: https://api.waldo.ai]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where the token is kept: file, none, a directory or redis://… [default: file]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]')
            [CompletionResult]::new('--secret-stdin', '--secret-stdin', [CompletionResultType]::ParameterName, 'Without a terminal: read two lines from stdin, the API key and the client secret')
            [CompletionResult]::new('--no-verify', '--no-verify', [CompletionResultType]::ParameterName, 'Keep the key pair without a login')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, with a schema number')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'waldo;logout' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The profile that has the other settings [default: default]')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Where the API is [default: https://api.waldo.ai]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where the token is kept: file, none, a directory or redis://… [default: file]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, with a schema number')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'waldo;status' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The profile that has the other settings [default: default]')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Where the API is [default: https://api.waldo.ai]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where the token is kept: file, none, a directory or redis://… [default: file]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]')
            [CompletionResult]::new('--offline', '--offline', [CompletionResultType]::ParameterName, 'Make no request, not even to a store on another machine')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, with a schema number')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'waldo;inspect' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The profile that has the other settings [default: default]')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Where the API is [default: https://api.waldo.ai]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where the token is kept: file, none, a directory or redis://… [default: file]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, with a schema number')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'waldo;emulate' {
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'The address to listen on; port 0 takes a free one')
            [CompletionResult]::new('--control-host', '--control-host', [CompletionResultType]::ParameterName, 'A further Host to which the controls answer, such as emulator:8787; may be given again')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'A key pair it knows, split at the first equals sign; may be given again, with another id [default: wk.sandbox.example=ws.sandbox.example]')
            [CompletionResult]::new('--signing-key', '--signing-key', [CompletionResultType]::ParameterName, 'Sign tokens with this key instead of the client secret')
            [CompletionResult]::new('--login-path', '--login-path', [CompletionResultType]::ParameterName, 'The path of the login')
            [CompletionResult]::new('--lifetime', '--lifetime', [CompletionResultType]::ParameterName, 'How long a token lasts: 10s, 1500ms, 1h')
            [CompletionResult]::new('--dates', '--dates', [CompletionResultType]::ParameterName, 'How a token''s dates are written: whole or fractional')
            [CompletionResult]::new('--algorithm', '--algorithm', [CompletionResultType]::ParameterName, 'How tokens are signed: HS256, HS384 or HS512')
            [CompletionResult]::new('--claims', '--claims', [CompletionResultType]::ParameterName, 'The claims of a token, any of exp,iat,jti,sub')
            [CompletionResult]::new('--iat', '--iat', [CompletionResultType]::ParameterName, 'Where a renewed token''s iat comes from: minted (its own) or login')
            [CompletionResult]::new('--chain-limit', '--chain-limit', [CompletionResultType]::ParameterName, 'How long after its login a chain of renewals ends [default: never]')
            [CompletionResult]::new('--rotation', '--rotation', [CompletionResultType]::ParameterName, 'What becomes of a token when its successor is issued: lenient, strict, grace:DURATION or batch:DURATION[:restamped|:sent|:blank]')
            [CompletionResult]::new('--renewal', '--renewal', [CompletionResultType]::ParameterName, 'How a fresh token is sent: bearer, lower_case, colon, bare, doubled, several, blank, malformed, oversized or none')
            [CompletionResult]::new('--renewal-on', '--renewal-on', [CompletionResultType]::ParameterName, 'Which responses carry a fresh token: success (every 2xx), ok (200 alone) or all')
            [CompletionResult]::new('--login-answer', '--login-answer', [CompletionResultType]::ParameterName, 'How a granted login is answered: body, prefixed (Bearer in the body), created (201) or header (that alone)')
            [CompletionResult]::new('--accept', '--accept', [CompletionResultType]::ParameterName, 'Forms of the request''s header accepted beside Bearer x, any of bare,doubled,lower_case [default: none]')
            [CompletionResult]::new('--clock-offset', '--clock-offset', [CompletionResultType]::ParameterName, 'How far the server''s clock is off: +30s, -1m')
            [CompletionResult]::new('--date', '--date', [CompletionResultType]::ParameterName, 'The Date header: present, absent or aged:DURATION (as a cache answers)')
            [CompletionResult]::new('--unknown-paths', '--unknown-paths', [CompletionResultType]::ParameterName, 'How a path that the API does not have is answered: echo (200) or not_found (404)')
            [CompletionResult]::new('--refuses', '--refuses', [CompletionResultType]::ParameterName, 'When a call with a body is refused for its token: after_body, on_head (and closes) or on_head_alone (neither reads nor closes)')
            [CompletionResult]::new('--known-after', '--known-after', [CompletionResultType]::ParameterName, 'How long the token of a login is refused at first, because not all servers know it yet')
            [CompletionResult]::new('--servers', '--servers', [CompletionResultType]::ParameterName, 'Who answers: alike, or by_turns (two servers with signing keys of their own)')
            [CompletionResult]::new('--evaluations', '--evaluations', [CompletionResultType]::ParameterName, 'When an evaluation ends: never, polls:NUMBER or after:DURATION')
            [CompletionResult]::new('--fault', '--fault', [CompletionResultType]::ParameterName, 'A failure, or a list of them, as JSON; may be given again')
            [CompletionResult]::new('--stub', '--stub', [CompletionResultType]::ParameterName, 'An answer of your own, or a list of them, as JSON; may be given again')
            [CompletionResult]::new('--login-latency', '--login-latency', [CompletionResultType]::ParameterName, 'How long each login waits before the server sees it')
            [CompletionResult]::new('--call-latency', '--call-latency', [CompletionResultType]::ParameterName, 'How long each call waits before the server sees it')
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The profile that has the other settings [default: default]')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Where the API is [default: https://api.waldo.ai]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where the token is kept: file, none, a directory or redis://… [default: file]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]')
            [CompletionResult]::new('--allow-remote', '--allow-remote', [CompletionResultType]::ParameterName, 'Allow an address that other machines can reach')
            [CompletionResult]::new('--login-header', '--login-header', [CompletionResultType]::ParameterName, 'Send the login''s token in its Authorization header as well')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, with a schema number')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'waldo;completions' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The profile that has the other settings [default: default]')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Where the API is [default: https://api.waldo.ai]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where the token is kept: file, none, a directory or redis://… [default: file]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, with a schema number')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'waldo;man' {
            [CompletionResult]::new('--profile', '--profile', [CompletionResultType]::ParameterName, 'The profile that has the other settings [default: default]')
            [CompletionResult]::new('--origin', '--origin', [CompletionResultType]::ParameterName, 'Where the API is [default: https://api.waldo.ai]')
            [CompletionResult]::new('--store', '--store', [CompletionResultType]::ParameterName, 'Where the token is kept: file, none, a directory or redis://… [default: file]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The time limit of the command, such as 30s; 0s sets none [default: 60s; none for a file]')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Print JSON, with a schema number')
            [CompletionResult]::new('-v', '-v', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('--verbose', '--verbose', [CompletionResultType]::ParameterName, 'Show what the client does, on stderr; twice for more')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help')
            break
        }
        'waldo;help' {
            [CompletionResult]::new('request', 'request', [CompletionResultType]::ParameterValue, 'Make one call of the API')
            [CompletionResult]::new('token', 'token', [CompletionResultType]::ParameterValue, 'Print a valid token for another program')
            [CompletionResult]::new('login', 'login', [CompletionResultType]::ParameterValue, 'Check a key pair by a login, and keep it in the profile')
            [CompletionResult]::new('logout', 'logout', [CompletionResultType]::ParameterValue, 'Forget the key pair of the profile, and its token')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Say where each setting comes from, and what the next call would do')
            [CompletionResult]::new('inspect', 'inspect', [CompletionResultType]::ParameterValue, 'Show what is in a token from stdin, without its signature')
            [CompletionResult]::new('emulate', 'emulate', [CompletionResultType]::ParameterValue, 'Run a server that answers like the API, for tests')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completions of a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Print a man page')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'waldo;help;request' {
            break
        }
        'waldo;help;token' {
            break
        }
        'waldo;help;login' {
            break
        }
        'waldo;help;logout' {
            break
        }
        'waldo;help;status' {
            break
        }
        'waldo;help;inspect' {
            break
        }
        'waldo;help;emulate' {
            break
        }
        'waldo;help;completions' {
            break
        }
        'waldo;help;man' {
            break
        }
        'waldo;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
