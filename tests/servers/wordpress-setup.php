<?php
// Installs the blog without its web form, and prints an application password for the REST API.
$_SERVER['HTTP_HOST'] = getenv('HOST');
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['REQUEST_METHOD'] = 'GET';
define('WP_INSTALLING', true);
require getenv('SITE') . '/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';
wp_install('A blog under test', 'admin', 'admin@example.org', true, '', bin2hex(random_bytes(8)));
wp_delete_post(1, true);
update_option('posts_per_rss', 50);
foreach (['default_ping_status', 'default_comment_status'] as $option) {
    update_option($option, 'closed');
}
update_option('ping_sites', '');
$wp_rewrite->init();
$wp_rewrite->set_permalink_structure('/%year%/%monthnum%/%postname%/');
flush_rewrite_rules(false);
$made = WP_Application_Passwords::create_new_application_password(
    get_user_by('login', 'admin')->ID,
    ['name' => 'tests']
);
echo "\n", $made[0], "\n";
