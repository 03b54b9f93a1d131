<?php
// What tests do to the blog, behind its own REST API: POST /wp-json/oncecast/v1/{https,permalinks}.
add_action('rest_api_init', function () {
    $route = function ($name, $act) {
        register_rest_route('oncecast/v1', "/$name", [
            'methods' => 'POST',
            'permission_callback' => fn() => current_user_can('manage_options'),
            'callback' => $act,
        ]);
    };
    // The site has moved to https: every guid and link of its feed says so.
    $route('https', fn() => update_option('oncecast_https', 1));
    $route('permalinks', function ($request) {
        global $wp_rewrite;
        $wp_rewrite->set_permalink_structure($request['structure']);
        flush_rewrite_rules(false);
        return get_option('permalink_structure');
    });
});
if (get_option('oncecast_https')) {
    $secure = fn($url) => str_replace('http://', 'https://', $url);
    add_filter('the_permalink_rss', $secure);
    add_filter('get_the_guid', $secure);
}
