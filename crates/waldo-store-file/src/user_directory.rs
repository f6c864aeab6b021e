//! The directory in which a platform keeps a user's state.

use std::ffi::OsString;
use std::path::PathBuf;

/// The platforms that have different directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Platform {
    Windows,
    MacOs,
    /// Linux and other systems that follow the XDG Base Directory Specification.
    Xdg,
}

impl Platform {
    pub(crate) const THIS: Self = if cfg!(windows) {
        Self::Windows
    } else if cfg!(target_vendor = "apple") {
        Self::MacOs
    } else {
        Self::Xdg
    };

    /// The store's directory for the user with these environment variables and this home.
    pub(crate) fn user_directory(
        self,
        variable: impl Fn(&str) -> Option<OsString>,
        home: Option<PathBuf>,
    ) -> Option<PathBuf> {
        // A relative path would depend on the current directory, and XDG asks to ignore it.
        let variable = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = home.filter(|path| path.is_absolute());
        let state = match self {
            Self::Windows => variable("LOCALAPPDATA"),
            Self::MacOs => home.map(|home| home.join("Library/Application Support")),
            Self::Xdg => variable("XDG_STATE_HOME").or_else(|| Some(home?.join(".local/state"))),
        };
        Some(state?.join("waldo"))
    }

    /// What a user sets so that there is a directory.
    pub(crate) fn needs(self) -> &'static str {
        match self {
            Self::Windows => "set LOCALAPPDATA",
            Self::MacOs => "set HOME",
            Self::Xdg => "set HOME or XDG_STATE_HOME",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(platform: Platform, variables: &[(&str, &str)], home: &str) -> Option<PathBuf> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        };
        platform.user_directory(variable, Some(home.into()))
    }

    #[cfg(unix)]
    #[test]
    fn each_platform_has_its_directory() {
        let variables = [("XDG_STATE_HOME", "/state"), ("LOCALAPPDATA", "/local")];
        for (platform, expected) in [
            (Platform::Windows, "/local/waldo"),
            (Platform::MacOs, "/home/a/Library/Application Support/waldo"),
            (Platform::Xdg, "/state/waldo"),
        ] {
            let found = directory(platform, &variables, "/home/a");
            assert_eq!(found.as_deref(), Some(std::path::Path::new(expected)));
        }
    }

    #[cfg(unix)]
    #[test]
    fn xdg_falls_back_to_home() {
        for variables in [&[][..], &[("XDG_STATE_HOME", "")], &[("XDG_STATE_HOME", "state")]] {
            let found = directory(Platform::Xdg, variables, "/home/a");
            assert_eq!(found.as_deref(), Some(std::path::Path::new("/home/a/.local/state/waldo")));
        }
    }

    #[test]
    fn relative_home_is_no_home() {
        for platform in [Platform::Windows, Platform::MacOs, Platform::Xdg] {
            assert_eq!(directory(platform, &[("LOCALAPPDATA", "local")], ""), None);
            assert_eq!(platform.user_directory(|_| None, None), None);
        }
    }
}
